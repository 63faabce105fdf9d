"""Sitrep: a live, queryable event feed for armed conflict and its diplomacy."""
