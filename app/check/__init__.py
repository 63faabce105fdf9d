"""Proves what is derived (index, rollup, digest, positions) against the stored versions of events, and rebuilds it."""
