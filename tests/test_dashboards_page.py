"""The notebook of docs/dashboards.md works as it is written there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conftest import load_samples, serving

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (Path(__file__).parents[1] / "docs" / "dashboards.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


async def test_the_notebook_reads_days_and_events(make_app: Callable[..., Any]) -> None:
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    code = "\n".join(block for block in BLOCKS if ".plot(" not in block)  # drawing needs matplotlib
    names: dict[str, Any] = {}

    async with serving(app) as address:
        await asyncio.to_thread(exec, code.replace("http://127.0.0.1:8000", address), names)

    days, events = names["days"], names["events"]
    assert len(days) == 30
    assert days.index[0].isoformat() == "2025-09-01T00:00:00+03:00"
    assert (days["best"].sum(), days["low"].sum()) == (810, 810)
    assert days["best"].sum() == events["launched_best"].sum()
    assert len(events) == 12
