"""Measures Sitrep against a bare ceiling and against the plain SQLModel way: `python -m benchmarks`."""
