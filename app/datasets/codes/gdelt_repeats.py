"""When GDELT tells one event again: with equal day, actors, verb and place, within three hours of the first time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from app.datasets.cells.extras import fit_extra
from app.kinds.base import MAX_ITEMS
from app.kinds.timestamps import EPOCH

APART = timedelta(hours=3)
MAX_REPEATS = 50
NUMBERS = ("NumMentions", "NumSources", "NumArticles", "GoldsteinScale", "AvgTone")
Event = Mapping[str, Any]


def date_added(text: str | None) -> datetime:
    """When GDELT added a row, in UTC; the same for all where only a day is told."""
    try:
        return datetime.strptime(f"{(text or '').removesuffix('.0')}Z", "%Y%m%d%H%M%S%z")
    except ValueError:
        return EPOCH


def same_event(event: Event, step: int = 0) -> str:
    """What is equal for all that tell one event: a hash, and when it was added in steps of three hours, or the day.

    `step` asks for the three hours before (-1) or after (1).
    """
    extra, places = event["extra"], event["locations"]
    told = [
        *(event["kind"], event["started_at"], [actor["name"] for actor in event["actors"]]),
        *(extra.get(name) for name in ("EventCode", "Actor1Code", "Actor2Code", "ActionGeo_FeatureID")),
        *([place["name"], place["lat"], place["lon"]] for place in places),
    ]
    time = date_added(extra.get("DATEADDED"))
    when = extra.get("DATEADDED") if time == EPOCH else int((time - EPOCH) / APART) + step
    return f"{blake2b(orjson.dumps(told), digest_size=12).hexdigest()}/{when}"


def join(event: Event, key: str, draft: Event, *, is_first: bool) -> dict[str, Any] | None:
    """The event of an earlier file with what a draft adds to it: sources and numbers; None if they are two events.

    `is_first` tells that the draft is of the row that the event was made of, read again: then it settles the rest.
    """
    theirs, ours = event["extra"].get("DATEADDED"), draft["extra"].get("DATEADDED")
    if not is_first and abs(date_added(theirs) - date_added(ours)) > APART:
        return None
    base = draft if is_first else event
    own = {} if is_first else {key: repeat(key, draft["extra"])}
    told = [*event["extra"].get("repeats", ()), *own.values(), *draft["extra"].get("repeats", ())]
    repeats = list({each["GLOBALEVENTID"]: each for each in told}.values())[:MAX_REPEATS]
    sources = [*base["sources"], *(draft if base is event else event)["sources"]]
    unique = {source.get("url") or source["publisher"]: source for source in reversed(sources)}
    extra = {**base["extra"], **({"repeats": repeats} if repeats else {})}
    return {**base, "sources": list(reversed(unique.values()))[:MAX_ITEMS], "extra": fit_extra(extra)}


def repeat(key: str, extra: Event) -> dict[str, Any]:
    """What is kept of a row that tells the same event again."""
    return {"GLOBALEVENTID": key, **{name: extra[name] for name in ("DATEADDED", *NUMBERS) if name in extra}}
