"""Keeps the garbage collector from looking at what it will never free."""

from __future__ import annotations

import gc

# New containers between two looks of the garbage collector: a batch makes some ten thousand that it keeps for a while.
COLLECT_AFTER = (20_000, 20, 50)


def freeze_gc() -> None:
    """Take what lives as long as the process from the garbage collector's rounds: they cost a quarter of a write."""
    if gc.get_threshold() != COLLECT_AFTER:  # once for a process
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
