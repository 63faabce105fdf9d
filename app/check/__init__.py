"""Proves what is derived (index, tally, digest, positions) against the stored versions of events, and rebuilds it."""
