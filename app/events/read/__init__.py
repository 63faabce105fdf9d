"""Finds events: lists, counts, exports, single events and their history."""
