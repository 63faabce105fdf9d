"""The rows of a series as JSON, written without a detour: an object for each bucket and group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

from app.kit.json_lines import dump_json
from app.stats.buckets import CALENDARS, describe_interval
from app.stats.index_counts import Numbers

COUNTED = '"count":%d,"low":null,"best":null,"high":null}'
MEASURED = '"count":%d,"low":%d,"best":%d,"high":%d}'


def serialize_rows(edges: tuple[int, ...], zone: ZoneInfo, groups: Sequence[tuple[str | None, Numbers]]) -> bytes:
    """An array of rows, by start and then in the order of the groups; integers have no limit."""
    if not groups:
        return b"[]"
    labels, numbers = zip(*groups, strict=True)
    columns = list(chain.from_iterable(numbers))
    form = form_of(edges, zone, labels, measured=len(columns) > len(labels))
    return (form % tuple(chain.from_iterable(zip(*columns, strict=True)))).encode()


@lru_cache(CALENDARS)
def form_of(edges: tuple[int, ...], zone: ZoneInfo, labels: tuple[str | None, ...], *, measured: bool) -> str:
    """All that such an answer says but for its numbers."""
    names = [dump_json(label).decode().replace("%", "%%") for label in labels]
    ends = [f'"group":{name},{MEASURED if measured else COUNTED}' for name in names]
    texts = [describe_interval(edge, zone).isoformat() for edge in edges]
    return f"[{','.join(beginning(*span) + end for span in pairwise(texts) for end in ends)}]"


def beginning(start: str, end: str) -> str:
    """What the rows of a bucket say first."""
    return f'{{"start":"{start}","end":"{end}",'
