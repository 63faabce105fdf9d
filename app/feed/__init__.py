"""The feed: polling, waiting and streaming along the one change log."""
