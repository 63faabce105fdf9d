"""What the command line says to those who ask for help or mistype."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.auth.tables import SCOPES
from app.cli.keys import ScopeName
from app.main import create_app
from app.openapi import document_bytes
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cli.conftest import Said

COMMANDS = (
    "demo",
    "serve",
    "worker",
    "sync",
    "migrate",
    "reindex",
    "check",
    "import",
    "export",
    "follow",
    "subscribe",
    "mcp",
    "datasets",
    "openapi",
    "epoch",
    "key",
)
WITH_PARTS = (*COMMANDS, "key create", "key list", "key revoke")
HEAVY = ("alembic", "asyncpg", "fastapi", "httpx", "ijson", "pydantic", "rich", "sqlalchemy", "uvicorn")


@pytest.mark.parametrize("command", ["", *WITH_PARTS])
async def test_help_fits_into_80_columns(
    command: str, typed: Callable[..., Awaitable[Said]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = await typed(*command.split(), "--help")
    assert (said.status, said.err) == (0, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "..." not in said.out.replace("ARGS]...", "").replace("[FILTER]...", "").replace("FILE]...", "").replace(
        "[SOURCE]...", ""
    )


async def test_without_a_command_there_is_help_that_names_them_all(typed: Callable[..., Awaitable[Said]]) -> None:
    said = await typed()
    listed = said.out.partition("Commands:")[2].split("\n\n")[0]
    assert said.status == 0
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(COMMANDS)


async def test_the_version_is_told(typed: Callable[..., Awaitable[Said]]) -> None:
    said = await typed("--version")
    assert (said.status, said.out, said.err) == (0, f"sitrep {version('sitrep')}\n", "")


def test_help_loads_nothing_heavy() -> None:
    script = f"import sys, app.cli; app.cli.run(['--help']); print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 (our own)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_scopes_are_those_of_the_api() -> None:
    assert tuple(ScopeName) == SCOPES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nonsense", "No such command 'nonsense'. Try `sitrep --help`."),
        ("key", "Missing command. Try `sitrep key --help`."),
        ("key create", "Missing argument 'NAME'. Try `sitrep key create --help`."),
        ("key create x", "Missing option '--scope'. Choose from: read, write, subscribe, admin."),
        ("key create x --scope all", "'all' is not one of 'read', 'write', 'subscribe', 'admin'."),
        ("serve --port 70000", "Input should be less than or equal to 65535."),
        ("migrate --to nonsense", "There is no revision 'nonsense'; give one of 0001,"),
        ("migrate --to head-1", "There is no revision 'head-1'; give one of 0001,"),
        ("migrate --to 0001-1", "There is no revision '0001-1'; give one of 0001,"),
        ("export kind", "'kind' is not name=value. Try `sitrep export --help`."),
        ("export kinf=attack", "kinf: This call has no such parameter. Did you mean kind?"),
        ("export limit=1", "limit: This call has no such parameter."),
        ("export kind=war", "Use attack, negotiation_round, sanction_move or security_guarantee."),
        ("export format=csv --format csv", "format: This parameter may be given once only."),
        ("export since=yesterday", "since: "),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_mistake_is_told_in_one_line_with_status_2(
    arguments: str,
    said: str,
    typed: Callable[..., Awaitable[Said]],
    setting: Callable[[str, str], None],
    database_url: str,
) -> None:
    setting("database_url", database_url)
    found = await typed(*arguments.split())
    assert (found.status, found.out) == (2, "")
    [line] = found.err.splitlines()
    assert line.startswith("sitrep: ")
    assert said in line


@pytest.mark.parametrize("command", ["demo", "serve", "migrate", "export", "openapi", "epoch", "key list"])
async def test_a_bad_setting_stops_every_command(
    command: str, typed: Callable[..., Awaitable[Said]], setting: Callable[[str, str], None]
) -> None:
    setting("databse_url", "sqlite:///x.db")
    found = await typed(*command.split())
    assert found.status == 2
    assert found.err == "sitrep: SITREP_DATABSE_URL is not a setting; did you mean SITREP_DATABASE_URL?\n"


async def test_each_bad_setting_has_its_line(
    typed: Callable[..., Awaitable[Said]], setting: Callable[[str, str], None]
) -> None:
    setting("port", "eighty")
    setting("log_level", "loud")
    found = await typed("serve")
    assert found.status == 2
    assert [line.split(": ")[1] for line in found.err.splitlines()] == ["SITREP_PORT", "SITREP_LOG_LEVEL"]


@pytest.mark.parametrize("settings", [{}, {"database_url": "postgresql://nowhere/sitrep", "rate_limit": "1/60"}])
async def test_openapi_prints_the_document_that_is_served(
    settings: dict[str, str], typed: Callable[..., Awaitable[Said]], setting: Callable[[str, str], None]
) -> None:
    for name, value in settings.items():
        setting(name, value)
    found = await typed("openapi")
    assert found.status == 0
    assert found.out.encode() == document_bytes(create_app(Settings(database_url="sqlite:///never-opened.db")))


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    script = "import sys; from app.cli import run, sitrep; from typer import echo\n"
    script += "sitrep.command('flood')(lambda: [echo('x' * 65536) for _ in range(99)]); sys.exit(run(['flood']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 (our own)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 1


DOCS = Path(__file__).parents[2] / "docs"


async def test_the_manual_has_every_command_with_its_options(typed: Callable[..., Awaitable[Said]]) -> None:
    manual = (DOCS / "operations.md").read_text(encoding="utf-8")
    section = manual.partition("## Commands\n")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    told = {
        " ".join(re.findall(r"^key \w+|^\w+", text)): row for row in rows for text in re.findall("`(.+?)`", first(row))
    }

    assert sorted(told) == sorted(set(WITH_PARTS) - {"key"})
    for command, row in told.items():
        usage = (await typed(*command.split(), "--help")).out.partition("Options:")[2]
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", usage, re.MULTILINE)) - {"--help"}
        assert {option for option in options if option not in row} == set(), command


def first(row: str) -> str:
    """The first cell of a row of a table."""
    return row.split("|")[1]


def test_the_readme_leads_to_every_page() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8").partition("## Where to read on")[2]
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= set(re.findall(r"\]\((docs/[a-z-]+\.md)\)", readme))
