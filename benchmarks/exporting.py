"""How much memory a server takes while it exports a large database, against what it took for the first part."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.report import Exported

if TYPE_CHECKING:
    from benchmarks.servers import Server

LIMIT = 1.2
NAME = "export"
FORMATS = ("ndjson", "csv", "geojson")
STEP = 32 * 1024 * 1024
FIRST = 3  # so many steps are the first part: two suffice to fill every buffer
PATIENCE_S = 60.0
HELD = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


def export_all(dialect: str, server: Server, only: str) -> list[Exported]:
    """Every format; the whole file is read."""
    return [export(dialect, server, form) for form in FORMATS if only in f"{NAME}: {form}"]


def export(dialect: str, server: Server, form: str) -> Exported:
    """The most memory while the rest of a file was sent, in units of the most while its first part was."""
    print(f"{dialect}: {NAME}: {form}", flush=True)
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
            held.append(memory_of(server.pid))
    assert len(held) > 2 * FIRST, f"{total:,} bytes are too few to tell"
    first, rest = max(held[:FIRST]), max(held[FIRST:])
    remark = f"{total / 1e9:.2f} GB; {first / 1024:.0f} / {rest / 1024:.0f} MB"
    return Exported(dialect, f"{NAME}: {form}", rest / first, LIMIT, remark)


def memory_of(pid: int) -> int:
    """The process's own memory, without mapped files, in KiB."""
    found = HELD.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    assert found is not None, "Linux tells it"
    return int(found[1])
