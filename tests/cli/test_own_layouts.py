"""The commands of docs/own-layouts.md, typed one after the other, answer what the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from app.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from cli.conftest import Said

PAGE = (Path(__file__).parents[2] / "docs" / "own-layouts.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(csv|toml|console)\n(.*?)```", re.DOTALL)
SED = re.compile(r"sed 's/(.+)/(.+)/' (\S+) > (\S+)")


async def test_the_commands_of_the_tutorial_answer_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Callable[..., Awaitable[Said]]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SITREP_DATABASE_URL", "sqlite:///tutorial.db")
    migrate("sqlite:///tutorial.db")
    for language, text in BLOCK.findall(PAGE):
        if language != "console":
            (tmp_path / f"strikes.{language}").write_text(text, encoding="utf-8")
            continue
        for shown in text.removeprefix("$ ").split("\n$ "):
            command, *expected = shown.rstrip().splitlines()
            if edit := SED.fullmatch(command):
                old, new, source, target = edit.groups()
                edited = (tmp_path / source).read_text(encoding="utf-8").replace(old, new)
                (tmp_path / target).write_text(edited, encoding="utf-8")
                continue
            said = await typed(*command.split()[1:])
            lines = [line for line in (said.err + said.out).splitlines() if not line.startswith('{"rows"')]
            assert len(lines) >= len(expected) > 0, command
            for line, told in zip(lines, expected, strict=False):
                assert line[: len(told) - 1] + "…" == told if told.endswith("…") else line == told, command
