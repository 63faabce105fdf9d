"""The commands that work on the database, migrate, key, export and epoch, on both databases."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from conftest import load_samples, set_revision
from sqlmodel import select

from app.auth.audit import list_entries
from app.changes import LogHead
from app.db import Statement, open_database
from app.db.revision import needed_schema
from app.migrate import newest_revision, revision
from cli.conftest import bearer, keys_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from conftest import MakeEvent
    from fastapi import FastAPI
    from httpx import AsyncClient

    from app.db import Database
    from cli.conftest import Said, Started

    Typed = Callable[..., Awaitable[Said]]

LOGS = Statement(select(LogHead.instance))


@pytest.fixture
def empty(empty_url: str, setting: Callable[[str, str], None]) -> str:
    """The command line's database is one without tables."""
    setting("database_url", empty_url)
    return empty_url


@pytest.fixture
def migrated(database_url: str, setting: Callable[[str, str], None]) -> str:
    """The command line's database is one with tables."""
    setting("database_url", database_url)
    return database_url


class TestMigrate:
    @pytest.mark.usefixtures("empty")
    async def test_it_goes_to_the_newest_revision_and_again_changes_nothing(self, typed: Typed) -> None:
        for _ in range(2):
            said = await typed("migrate")
            assert (said.status, said.out, said.err) == (0, f"The database is at revision {newest_revision()}.\n", "")

    @pytest.mark.usefixtures("migrated")
    async def test_it_goes_back_and_up_again(self, typed: Typed) -> None:
        assert (await typed("migrate", "--to", "base")).out == "The database has no tables.\n"
        assert (
            await typed("migrate", "--to", str(newest_revision()))
        ).out == f"The database is at revision {newest_revision()}.\n"

    async def test_of_four_processes_at_once_one_applies_and_all_succeed(
        self, empty: str, start: Callable[..., Started]
    ) -> None:
        racing = [start("migrate") for _ in range(4)]
        assert [await each.ended() for each in racing] == [0] * 4, [each.err for each in racing]
        db = open_database(empty)
        await db.connect()
        assert len(await db.rows(LOGS)) == 1
        await db.close()

    @pytest.mark.parametrize(
        "url",
        ["postgresql://u:secret@127.0.0.1:1/sitrep", "sqlite:////nowhere/sitrep.db"],
        ids=["postgresql", "sqlite"],
    )
    async def test_an_absent_database_is_told_in_a_line_that_holds_no_password(
        self, url: str, typed: Typed, setting: Callable[[str, str], None]
    ) -> None:
        setting("database_url", url)
        said = await typed("migrate")
        assert (said.status, said.out) == (1, "")
        assert re.fullmatch(r"sitrep: (Nothing answers at 127.0.0.1:1: |The directory /nowhere of ).+\n", said.err)
        assert "secret" not in said.err


COMMANDS = ["key list", "key create x --scope read", "key revoke x", "export", "epoch", "epoch --new"]
# Paths at which no database file can be, and what is said of them.
NO_PLACE = {
    "missing/sitrep.db": "The directory {folder}/missing of the database file does not exist: ",
    "file/sitrep.db": "The directory {folder}/file of the database file is not a directory: ",
    "folder": "{folder}/folder is a directory: ",
}


@pytest.fixture(params=NO_PLACE)
def no_place(request: pytest.FixtureRequest, setting: Callable[[str, str], None], tmp_path: Path) -> str:
    """What a command says of the path that the settings name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    setting("database_url", f"sqlite:///{tmp_path / request.param}")
    return "sitrep: " + NO_PLACE[request.param].format(folder=tmp_path)


@pytest.mark.parametrize("command", [*COMMANDS, "demo --port 0", "migrate", "check"])
async def test_a_path_at_which_no_file_can_be_ends_a_command(command: str, no_place: str, typed: Typed) -> None:
    said = await typed(*command.split())
    assert (said.status, said.out) == (1, "")
    [line] = said.err.splitlines()
    assert line.startswith(no_place)


@pytest.mark.parametrize("command", ["serve --port {port}", "serve --port {port} --workers 2", "worker"])
async def test_a_path_at_which_no_file_can_be_is_not_waited_for(
    command: str, no_place: str, start: Callable[..., Started]
) -> None:
    process = start(*command.split())
    assert (await process.ended(), process.out) == (1, "")
    [line] = process.err.splitlines()
    assert line.startswith(no_place)


@pytest.mark.parametrize("command", ["key list", "key create x --scope read", "export", "epoch", "epoch --new"])
@pytest.mark.usefixtures("empty")
async def test_without_tables_every_command_says_what_to_do(command: str, typed: Typed) -> None:
    said = await typed(*command.split())
    assert (said.status, said.out) == (1, "")
    assert re.fullmatch(
        r"sitrep: (There is no file .+|The database has no tables) yet: run `sitrep migrate`.*\.\n", said.err
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("revision", ["older", "newer"])
async def test_with_the_schema_of_another_version_every_command_says_so(
    revision: str, command: str, typed: Typed, migrated: str
) -> None:
    there = "9999" if revision == "newer" else sorted(needed_schema().known)[-2]
    await asyncio.to_thread(set_revision, migrated, there)
    said = await typed(*command.split())
    assert (said.status, said.out) == (1, "")
    assert re.fullmatch(
        rf"sitrep: The database is at revision {there}, {revision} than {newest_revision()}, .+\.\n", said.err
    )


async def test_migrate_on_a_newer_database_says_what_is_the_matter(typed: Typed, migrated: str) -> None:
    await asyncio.to_thread(set_revision, migrated, "9999")
    for arguments in ([], ["--to", "head"], ["--to", "base"]):
        said = await typed("migrate", *arguments)
        assert (said.status, said.out) == (1, "")
        assert said.err == (
            f"sitrep: The database is at revision 9999, newer than {newest_revision()}, the newest that this Sitrep "
            "knows: run the Sitrep that migrated it.\n"
        )
    assert await asyncio.to_thread(revision, migrated) == "9999"


async def test_migrate_to_an_unknown_revision_blames_the_option(typed: Typed, migrated: str) -> None:
    said = await typed("migrate", "--to", "nowhere")
    assert (said.status, said.out) == (2, "")
    assert "'--to'" in said.err
    assert "nowhere" in said.err


@pytest.mark.usefixtures("migrated")
class TestKeys:
    async def test_a_key_is_made_used_listed_and_revoked(self, typed: Typed, client: AsyncClient, db: Database) -> None:
        made = await typed("key", "create", "desk", "--scope", "write", "--scope", "subscribe", "--owner", "newsroom")
        [key] = keys_in(made.out)
        assert (made.out, made.err, made.status) == (f"{key}\n", "", 0)

        me = (await client.get("/v1/me", headers=bearer(key))).json()
        assert (me["name"], me["owner"], me["scopes"]) == ("desk", "newsroom", ["write", "subscribe"])

        listed = (await typed("key", "list")).out.splitlines()
        assert listed[0].split() == ["ID", "STATE", "SCOPES", "NAME", "OWNER", "CREATED", "EXPIRES", "LAST", "USED"]
        assert listed[1].split()[:5] == [me["id"], "valid", "write,subscribe", "desk", "newsroom"]
        assert len(listed) == 2

        assert (await typed("key", "revoke", me["id"])).out == f"revoked {me['id']}\n"
        assert (await client.get("/v1/me", headers=bearer(key))).status_code == 401
        assert (await typed("key", "list")).out.splitlines()[1].split()[1] == "revoked"
        deeds, _ = await list_entries(db, 10)
        assert [(deed.by, deed.action, deed.subject) for deed in deeds] == [
            ("cli", "key.revoked", me["id"]),
            ("cli", "key.created", me["id"]),
        ]

    @pytest.mark.parametrize("expires", ["2199-01-01", "2199-01-01T02:00:00+02:00"])
    async def test_a_key_expires_at_a_day_or_an_instant(self, expires: str, typed: Typed, client: AsyncClient) -> None:
        made = await typed("key", "create", "guest", "--scope", "read", "--expires", expires)
        me = (await client.get("/v1/me", headers=bearer(made.out.strip()))).json()
        assert me["expires_at"] == "2199-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        ("arguments", "status", "said"),
        [
            (["revoke", "aaaaaaaaaa"], 1, "There is no key aaaaaaaaaa; `sitrep key list` shows those there are."),
            (
                ["create", "x", "--scope", "read", "--expires", "2020-01-01"],
                2,
                "expires: The instant lies in the past.",
            ),
            (["create", "x", "--scope", "read", "--expires", "tomorrow"], 2, "expires: "),
            (["create", "x", "--scope", "read", "--scope", "read"], 2, "scope: A scope is named twice."),
            (["create", " x", "--scope", "read"], 2, "name: "),
        ],
    )
    async def test_what_cannot_be_is_told_and_changes_nothing(
        self, arguments: list[str], status: int, said: str, typed: Typed
    ) -> None:
        found = await typed("key", *arguments)
        assert (found.status, found.out) == (status, "")
        assert re.fullmatch(rf"sitrep: {re.escape(said)}.*\n", found.err)
        assert len((await typed("key", "list")).out.splitlines()) == 1


@pytest.mark.usefixtures("migrated")
class TestExport:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "format=csv",
            "format=geojson&kind=attack&kind=sanction_move",
            "country=UA&since=2025-09-07T00:00:00%2B03:00&timezone=Europe/Kyiv",
            "q=%22drones%20and%22&as_of=e1-000000000012",
            "actor=T%C3%BCrkiye",
        ],
    )
    async def test_the_bytes_are_those_of_the_api(
        self, query: str, typed: Typed, app: FastAPI, api: AsyncClient
    ) -> None:
        await load_samples(app.state.services.store)
        served = await api.get(f"/v1/events/export?{query}")
        assert served.status_code == 200

        filters = [f"{name}={value}" for name, value in served.request.url.params.multi_items()]
        typed_ = await typed("export", *filters)
        assert (typed_.status, typed_.err) == (0, "")
        assert typed_.out.encode() == served.content

    async def test_the_format_is_an_option_too(self, typed: Typed, app: FastAPI, api: AsyncClient) -> None:
        await load_samples(app.state.services.store)
        served = await api.get("/v1/events/export?kind=attack&format=csv")
        said = await typed("export", "kind=attack", "--format", "csv")
        assert said.out.encode() == served.content


@pytest.mark.usefixtures("migrated")
class TestEpoch:
    async def test_it_is_shown(self, typed: Typed) -> None:
        said = await typed("epoch")
        assert (said.out, said.err, said.status) == ("1\n", "", 0)

    async def test_a_new_one_ends_every_old_cursor_even_for_those_who_wait(
        self, typed: Typed, api: AsyncClient, make_event: MakeEvent, db: Database
    ) -> None:
        before = (await api.post("/v1/events", json=make_event())).headers["feed-cursor"]
        waiting = asyncio.create_task(api.get(f"/v1/feed?after={before}&wait=1"))
        await asyncio.sleep(0.1)

        said = await typed("epoch", "--new")
        assert (said.out, said.err, said.status) == ("2\n", "", 0)

        for answer in (await asyncio.wait_for(waiting, 20), await api.get(f"/v1/feed?after={before}")):
            assert answer.status_code == 410
            assert answer.json()["type"] == "/problems/cursor-epoch"
        page = (await api.get("/v1/feed")).json()
        assert (page["items"][0]["id"], page["next"]) == (before, "e2-000000000001")
        after = (await api.post("/v1/events", json=make_event())).headers["feed-cursor"]
        assert after == "e2-000000000002"
        [deed, *_], _ = await list_entries(db, 10)
        assert (deed.by, deed.action, deed.subject) == ("cli", "epoch.raised", "e2")
