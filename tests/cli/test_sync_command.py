"""`sitrep sync` as a person types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from cli.conftest import Said

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
