"""Fixed summary feeds: the events of the last day, week or month, under names that need no query."""
