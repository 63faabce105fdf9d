"""Imports: files into events, as runs that are recorded, can be resumed, and can be undone."""
