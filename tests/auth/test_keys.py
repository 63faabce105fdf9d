"""Keys in the database: made, found, listed, revoked, noted; the same on both databases."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.auth.audit import list_entries
from app.auth.key_format import parse_key
from app.auth.keys import (
    FIRST_ID,
    create_key,
    find_key,
    first_admin_key,
    list_keys,
    record_use,
    replace_key,
    revoke_key,
)
from app.auth.tables import rejection_reason
from app.db import Database, open_database
from app.db.sqlite import SqliteDatabase
from app.errors import CursorMalformed, Invalid

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


async def trail(db: Database) -> list[tuple[str, str, str, str]]:
    deeds, _ = await list_entries(db, 100)
    return [(entry.by, entry.action, entry.subject, entry.address) for entry in reversed(deeds)]


async def test_a_key_is_found_by_its_id_and_its_secret_fits(db: Database) -> None:
    key, text = await create_key(db, "newsroom", ["write", "subscribe"], expires_at=START + MINUTE, clock=at(START))

    key_id, secret = parse_key(text) or ("", "")
    found = await find_key(db, key_id)

    assert found == key
    assert rejection_reason(found, secret, START) is None
    assert (key.owner, key.scopes, key.created_at, key.expires_at) == (
        "newsroom", ("write", "subscribe"), START, START + MINUTE,
    )  # fmt: skip


async def test_the_secret_is_nowhere_in_the_database(db: Database) -> None:
    key, text = await create_key(db, "newsroom", ["read"])
    assert text.split("_")[2] not in repr(await list_keys(db))
    assert len(key.secret_hash) == 32


async def test_an_unknown_id_finds_nothing(db: Database) -> None:
    assert await find_key(db, "zzzzzzzzzz") is None


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"name": ""}, "/name", "too-short"),
        ({"name": "x" * 101}, "/name", "too-long"),
        ({"name": " x"}, "/name", "pattern"),
        ({"name": "a\nb"}, "/name", "pattern"),
        ({"name": "a\u202eb"}, "/name", "pattern"),
        ({"owner": ""}, "/owner", "too-short"),
        ({"scopes": []}, "/scopes", "too-short"),
        ({"scopes": ["read", "read"]}, "/scopes", "duplicate"),
        ({"scopes": ["root"]}, "/scopes/0", "enum"),
        ({"expires_at": START}, "/expires_at", "range"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    db: Database, values: dict[str, object], pointer: str, code: str
) -> None:
    wanted: dict[str, object] = {"name": "x", "scopes": ["read"]} | values
    with pytest.raises(Invalid) as refusal:
        await create_key(db, **wanted, clock=at(START))  # type: ignore[arg-type]
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [(pointer, code)]
    assert await list_keys(db) == ([], None)
    assert await trail(db) == []


async def test_keys_are_listed_newest_first_page_by_page(db: Database) -> None:
    ids = [(await create_key(db, str(n), ["read"], clock=at(START + MINUTE * (n // 3))))[0].id for n in range(10)]

    seen, cursor = [], None
    for _ in range(4):
        page, cursor = await list_keys(db, 3, cursor)
        seen += page
    assert cursor is None
    assert [key.id for key in seen] == [key.id for key in (await list_keys(db))[0]]
    assert sorted(key.id for key in seen) == sorted(ids)
    assert [key.created_at for key in seen] == sorted((key.created_at for key in seen), reverse=True)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "AAAAAAAAAAAAAAAAAAAAA", "-" * 500])
async def test_a_foreign_cursor_is_refused(db: Database, cursor: str) -> None:
    with pytest.raises(CursorMalformed):
        await list_keys(db, 1, cursor)
    with pytest.raises(CursorMalformed):
        await list_entries(db, 1, cursor)


async def test_a_cursor_with_one_letter_changed_or_of_the_other_list_is_refused(db: Database) -> None:
    for name in "ab":
        await create_key(db, name, ["read"])
    _, keys_cursor = await list_keys(db, 1)
    _, audit_cursor = await list_entries(db, 1)
    assert keys_cursor is not None
    assert audit_cursor is not None

    for place, letter in enumerate(keys_cursor[:-1]):
        with pytest.raises(CursorMalformed):
            await list_keys(db, 1, keys_cursor[:place] + ("B" if letter == "A" else "A") + keys_cursor[place + 1 :])
    with pytest.raises(CursorMalformed):
        await list_keys(db, 1, audit_cursor)
    with pytest.raises(CursorMalformed):
        await list_entries(db, 1, keys_cursor)


async def test_a_revoked_key_stays_in_the_list_and_revoking_again_changes_nothing(db: Database) -> None:
    key, _ = await create_key(db, "a", ["read"], clock=at(START))

    assert await revoke_key(db, key.id, "boss", address="192.0.2.1", clock=at(START + MINUTE))
    assert await revoke_key(db, key.id, "boss", clock=at(START + 2 * MINUTE))

    found = await find_key(db, key.id)
    assert found is not None
    assert found.revoked_at == START + MINUTE
    assert await trail(db) == [("cli", "key.created", key.id, ""), ("boss", "key.revoked", key.id, "192.0.2.1")]


async def test_an_unknown_key_cannot_be_revoked(db: Database) -> None:
    assert not await revoke_key(db, "zzzzzzzzzz")
    assert await trail(db) == []


async def test_remaking_a_key_revokes_all_of_that_name_and_no_other(db: Database) -> None:
    old = [(await create_key(db, "demo", ["admin"]))[0].id for _ in range(2)]
    other, _ = await create_key(db, "other", ["read"])

    new, _ = await replace_key(db, "demo", ["admin"])

    keys, _ = await list_keys(db)
    assert {key.id for key in keys if key.revoked_at is None} == {new.id, other.id}
    assert {key.id for key in keys if key.revoked_at is not None} == set(old)


async def test_the_first_start_makes_one_admin_key_once(db: Database) -> None:
    text = await first_admin_key(db)
    assert text is not None
    assert await first_admin_key(db) is None

    (key,), _ = await list_keys(db)
    assert (key.id, key.name, key.scopes) == (FIRST_ID, "admin", ("admin",))
    assert rejection_reason(key, text.split("_")[2], START) is None
    assert await trail(db) == [("cli", "key.created", FIRST_ID, "")]


async def test_there_is_no_first_key_once_there_was_any_even_a_revoked_one(db: Database) -> None:
    key, _ = await create_key(db, "a", ["read"])
    await revoke_key(db, key.id)
    assert await first_admin_key(db) is None


async def test_of_many_first_starts_at_once_one_makes_the_key(db: Database) -> None:
    processes = [open_database(f"sqlite:///{db.path}" if isinstance(db, SqliteDatabase) else db.url) for _ in range(4)]
    for process in processes:
        await process.connect()

    made = await asyncio.gather(*(first_admin_key(process) for process in processes * 3))

    for process in processes:
        await process.close()
    assert len([text for text in made if text is not None]) == 1
    assert len((await list_keys(db))[0]) == 1


async def test_a_use_is_noted_and_an_earlier_one_never_replaces_it(db: Database) -> None:
    key, _ = await create_key(db, "a", ["read"])
    for moment in (START, START + MINUTE, START):
        await record_use(db, {key.id: moment, "zzzzzzzzzz": moment})
    found = await find_key(db, key.id)
    assert found is not None
    assert found.last_used_at == START + MINUTE


async def test_the_trail_is_paged_newest_first(db: Database) -> None:
    ids = [(await create_key(db, str(n), ["read"]))[0].id for n in range(5)]
    first, cursor = await list_entries(db, 3)
    second, end = await list_entries(db, 3, cursor)
    assert [entry.subject for entry in first + second] == ids[::-1]
    assert end is None
