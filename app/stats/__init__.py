"""Statistics: series over time and counts of facet values, for the same filters as the list."""
