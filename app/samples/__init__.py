"""The sample events: what one September 2025 report states, told in the product's own words."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, cast


def load() -> list[dict[str, Any]]:
    """Read the samples as items of `POST /v1/events/batch`, in loading order.

    Each item is `{"op": "upsert", "system": "sitrep-sample", "external_id": str, "event": {...}}`. A relation is
    "#<index>" of an earlier item, so the whole list goes into one call; the file `events.json` is that call's body.
    """
    body = json.loads(files(__name__).joinpath("events.json").read_text(encoding="utf-8"))
    return cast("list[dict[str, Any]]", body["items"])
