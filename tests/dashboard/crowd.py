"""A database of 20,000 events for the browser: every kind, many places, and titles that pages have stumbled over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.databases import write
from benchmarks.events import event as plain_event

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 20_000
BATCH = 1_000
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
ARABIC = "هجوم بطائرات مسيرة على كييف"
HEBREW = "מתקפת רחפנים על העיר במהלך הלילה"
ODD = (LONG_WORD, ARABIC, HEBREW)
LONG_TAG = "x" * 250
# Where the 20 events called Mapped took place, the last two on both sides of the antimeridian.
KYIV, KHARKIV = (50.45, 30.52), (49.99, 36.23)
MAPPED = (
    *[KYIV] * 12,
    *[(KHARKIV[0] + step / 10, KHARKIV[1] - step / 10) for step in range(6)],
    *((-17.0, 179.6), (-16.5, -179.7)),
)
TOWNS = (
    *(("Khartoum", "SD", 15.5, 32.56), ("Gaza", "PS", 31.5, 34.47), ("Sanaa", "YE", 15.35, 44.2)),
    *(("Goma", "CD", -1.68, 29.22), ("Beirut", "LB", 33.89, 35.5), ("Naypyidaw", "MM", 19.75, 96.1)),
    *(("Aleppo", "SY", 36.2, 37.13), ("Mosul", "IQ", 36.34, 43.13), ("Kabul", "AF", 34.53, 69.17)),
    *(("Mogadishu", "SO", 2.04, 45.34), ("Maiduguri", "NG", 11.85, 13.16), ("Gao", "ML", 16.27, -0.04)),
    *(("Port-au-Prince", "HT", 18.54, -72.34), ("Cali", "CO", 3.45, -76.53), ("Mekelle", "ET", 13.5, 39.47)),
    *(("Tripoli", "LY", 32.89, 13.19), ("Marawi", "PH", 8.0, 124.29), ("Brussels", "BE", 50.85, 4.35)),
    *(("Washington", "US", 38.9, -77.04), ("Quito", "EC", -0.18, -78.47), ("Suva", "FJ", -18.14, 178.44)),
)


def fill(path: Path) -> None:
    """Write the events into a migrated SQLite file, in batches as the API does."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    batches = ([made(n, today) for n in range(first, first + BATCH)] for first in range(0, EVENTS, BATCH))
    asyncio.run(write(f"sqlite:///{path}", batches, EVENTS))


def made(n: int, today: datetime) -> dict[str, Any]:
    """Event number n, one of five from the last 30 days, one of ten without a point."""
    random = Random(n)
    days = 30 * random.random() if n % 5 == 0 else 30 + 1_500 * random.random() ** 1.6
    event = plain_event(n, EVENTS)
    event |= {"started_at": (today - timedelta(days=days)).isoformat(timespec="seconds"), "timezone": None}
    event["tags"].append(f"tag-{n % 60:02}")
    if n < len(MAPPED):
        return event | {"title": f"Mapped {n}", "locations": [place(f"Place {n}", None, *MAPPED[n])]}
    if n % 7 < 3:
        name, country, lat, lon = random.choice(TOWNS)
        event["locations"] = [place(name, country, lat + random.gauss(0, 0.5), lon + random.gauss(0, 0.5))]
    if n % 10 == 9:
        event["locations"][0] |= {"lat": None, "lon": None}
    if n % 67 == 0:
        event["title"] = event["summary"] = event["locations"][0]["name"] = ODD[n // 67 % len(ODD)]
        event["tags"] += ["odd", LONG_TAG]
    return event


def place(name: str, country: str | None, lat: float, lon: float) -> dict[str, Any]:
    return {"name": name, "country": country, "lat": round(lat, 4), "lon": round(lon, 4), "role": "impact"}
