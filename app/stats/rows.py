"""The rows of a series as JSON, written without a detour: an object for each bucket and group."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from app.stats.buckets import CALENDARS, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from app.stats.counting import Numbers


def written(edges: tuple[int, ...], zone: ZoneInfo, groups: Sequence[tuple[str | None, Numbers]]) -> bytes:
    """An array of rows, by start and then in the order of the groups; integers have no limit."""
    texts = [group_texts(label, numbers) for label, numbers in groups]
    lines = [start + text for start, *ends in zip(beginnings(edges, zone), *texts, strict=True) for text in ends]
    return f"[{','.join(lines)}]".encode()


def group_texts(label: str | None, numbers: Numbers) -> list[str]:
    """What the rows of a group say after `"group":`."""
    name = orjson.dumps(label).decode()
    if len(numbers) == 1:
        return [f'{name},"count":{count},"low":null,"best":null,"high":null}}' for count in numbers[0]]
    return [
        f'{name},"count":{count},"low":{low},"best":{best},"high":{high}}}'
        for count, low, best, high in zip(*numbers, strict=True)
    ]


@lru_cache(CALENDARS)
def beginnings(edges: tuple[int, ...], zone: ZoneInfo) -> list[str]:
    """What the rows of each bucket say up to `"group":`."""
    texts = [told(edge, zone).isoformat() for edge in edges]
    return [f'{{"start":"{start}","end":"{end}","group":' for start, end in pairwise(texts)]
