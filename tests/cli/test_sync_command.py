"""`sitrep sync` as a person types it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from cli.conftest import Said, Started

SOURCE = '[[source]]\nname = "a"\nurl = "file://{}/f.ndjson"\ndataset = "sitrep"\nevery = "1h"\n'


async def test_the_command_says_what_is_wrong(
    typed: Callable[..., Awaitable[Said]],
    setting: Callable[[str, str], None],
    database_url: str,
    tmp_path: Path,
) -> None:
    setting("database_url", database_url)
    said = await typed("sync")
    assert (said.status, said.err) == (
        2,
        "sitrep: SITREP_SOURCES_FILE: it names the file of sources, and is not set; see docs/sources.md.\n",
    )
    path = tmp_path / "sources.toml"
    setting("sources_file", str(path))
    path.write_text(SOURCE.format(tmp_path), encoding="utf-8")
    said = await typed("sync", "b")
    assert (said.status, said.err) == (2, f"sitrep: {path}: there is no source b; they are a.\n")
    said = await typed("sync")
    assert said.status == 1
    assert said.err.startswith(
        f"a: failed: {tmp_path}/f.ndjson cannot be read: No such file or directory. Next try at 2"
    )
    said = await typed("sync", "--forget", "a", "b")
    assert (said.status, said.out) == (0, "a: forgotten; its events stay.\nb: not known.\n")
    assert (await typed("sync", "--forget")).status == 2


async def test_what_is_due_is_taken_in_once_or_for_as_long_as_the_process_runs(
    typed: Callable[..., Awaitable[Said]],
    start: Callable[..., Started],
    setting: Callable[[str, str], None],
    database_url: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "f.csv").write_text("No,What,Day\n1,Raid,2026-03-01\n", encoding="utf-8")
    (tmp_path / "mine.toml").write_text(
        'kind = "attack"\nsystem = "desk"\nkey = "No"\n[columns]\nWhat = "title"\nDay = "started_at"\n'
        '[constants]\n"sources.0.publisher" = "Desk"\n',
        encoding="utf-8",
    )
    sources = f'[source.a]\nurl = "file://{tmp_path}/f.csv"\nevery = "1h"\noptions.map = "mine.toml"\n'
    (tmp_path / "sources.toml").write_text(sources, encoding="utf-8")
    setting("database_url", database_url)
    setting("sources_file", str(tmp_path / "sources.toml"))

    said = await typed("sync")
    assert (said.status, said.err) == (0, "")
    assert re.fullmatch(
        r"a: 1 file, 1 rows: 1 created, 0 updated, 0 deleted, 0 refused; now at [0-9a-f]{12}\.\n", said.out
    )
    assert re.fullmatch(r"a: due at 20\d\d-[0-9T:-]+Z\.\n", (await typed("sync")).out)
    assert re.fullmatch(r"a: nothing new; at [0-9a-f]{12}\.\n", (await typed("sync", "a")).out)

    (tmp_path / "f.csv").write_text("No,What,Day\n1,Raid on Kyiv,2026-03-01\n", encoding="utf-8")
    assert (await typed("sync", "--forget", "a")).status == 0
    watching = start("sync", "--watch")
    await watching.until(lambda: "a: 1 file, 1 rows: 0 created, 1 updated" in watching.out)
    assert await watching.stop() == 0
    assert [line for line in watching.err.splitlines() if "rror" in line or "Traceback" in line] == []
