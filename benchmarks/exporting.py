"""How much memory a server takes while it exports a large database, against what it took for the first part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from benchmarks.figures import Figure, worst

if TYPE_CHECKING:
    from benchmarks.servers import Server

FORMATS = ("ndjson", "csv", "geojson")
STEP = 32 * 1024 * 1024
FIRST = 3  # so many steps are the first part: two suffice to fill every buffer
PATIENCE_S = 60.0


def export_all(dialect: str, server: Server) -> Figure:
    """Every format; the whole file is read."""
    return worst("export", dialect, {form: [export(dialect, server, form)] for form in FORMATS})


def export(dialect: str, server: Server, form: str) -> float:
    """The most memory while the rest of a file was sent, in units of the most while its first part was."""
    print(f"{dialect}: export, {form}", flush=True)
    held, total = [], 0
    with httpx.stream(
        "GET",
        f"http://127.0.0.1:{server.port}/v1/events/export",
        params={"format": form},
        timeout=PATIENCE_S,
        trust_env=False,
    ) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes(STEP):
            total += len(part)
            held.append(server.memory())
    assert len(held) > 2 * FIRST, f"{total:,} bytes are too few to tell"
    first, rest = max(held[:FIRST]), max(held[FIRST:])
    return rest / first
