"""The door: which credentials open what, what a refusal says, and how often one may try."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from app.auth.authentication import Authenticator
from app.auth.key_format import format_key, new_key_id, new_secret
from app.auth.keys import create_key, find_key, revoke_key
from app.auth.rate_limit import QUOTA_SCOPE_KEY, RateLimitHeadersMiddleware
from app.auth.tables import ANONYMOUS, Scope, StoredKey
from app.db import Database
from app.errors import Forbidden, Problem, TooManyRequests, Unauthorized
from app.settings import RateLimit, Settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Door:
    """An Access with a clock of its own."""

    def __init__(self, db: Database, **settings: Any) -> None:
        self.now = START
        values: dict[str, Any] = {"anonymous_read": False, "rate_limit": None} | settings
        self.access = Authenticator(db, Settings(**values), clock=lambda: self.now, ticks=self.ticks)

    def ticks(self) -> float:
        return self.now.timestamp()

    async def knock(
        self,
        *authorization: str,
        scope: Scope | None = "read",
        anonymous: bool = False,
        method: str = "GET",
        host: str = "192.0.2.1",
        fields: dict[str, str] | None = None,
    ) -> Any:
        connection = HTTPConnection(
            {
                "type": "http",
                "method": method,
                "client": (host, 1),
                "headers": [(b"authorization", value.encode("latin-1")) for value in authorization],
                QUOTA_SCOPE_KEY: {} if fields is None else fields,
            }
        )
        return await self.access.admit(connection, scope, anonymous=anonymous)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
async def doors(db: Database) -> AsyncIterator[Any]:
    opened: list[Door] = []

    def build(**settings: Any) -> Door:
        opened.append(Door(db, **settings))
        return opened[-1]

    yield build
    for door in opened:
        await door.access.close()


@pytest.fixture
def door(doors: Any) -> Door:
    opened: Door = doors()
    return opened


async def refusal(door: Door, *authorization: str, **values: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        await door.knock(*authorization, **values)
    return refused.value


async def test_a_good_key_opens_its_scope(db: Database, door: Door) -> None:
    key, text = await create_key(db, "newsroom", ["write"], owner="desk", clock=lambda: START)
    for scheme in ("Bearer", "bearer", "BEARER", "Bearer  "):
        admitted = await door.knock(f"{scheme} {text}", scope="write")
        assert (admitted.id, admitted.owner, admitted.name) == (key.id, "desk", "newsroom")


async def test_too_little_scope_is_403_and_names_the_scope(db: Database, door: Door) -> None:
    _, text = await create_key(db, "reader", ["read"])
    refused = await refusal(door, f"Bearer {text}", scope="write")
    assert isinstance(refused, Forbidden)
    assert "`write`" in refused.detail
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="sitrep", error="insufficient_scope", scope="write"'


async def test_no_key_is_401_without_an_error_code(door: Door) -> None:
    refused = await refusal(door)
    assert isinstance(refused, Unauthorized)
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="sitrep"'


@pytest.mark.parametrize("anonymous", [False, True])
async def test_a_bad_credential_is_401_and_never_anonymous(db: Database, doors: Any, *, anonymous: bool) -> None:
    door = doors(anonymous_read=anonymous)
    _, good = await create_key(db, "good", ["admin"])
    revoked, revoked_text = await create_key(db, "revoked", ["admin"])
    await revoke_key(db, revoked.id)
    _, expired = await create_key(db, "x", ["admin"], expires_at=START, clock=lambda: START - timedelta(1))
    other_secret = format_key(good.split("_")[1], new_secret())
    for sent in (
        [f"Bearer {revoked_text}"],
        [f"Bearer {expired}"],
        [f"Bearer {other_secret}"],
        [f"Bearer {format_key(new_key_id(), new_secret())}"],
        [f"Bearer {good[:-1]}"],
        [f"Bearer {good[:-1]}{'0' if good[-1] != '0' else '1'}"],
        [f"Bearer {good} {good}"],
        [f"Bearer\t{good}"],
        [f"Basic {good}"],
        [good],
        ["Bearer"],
        ["Bearer "],
        [""],
        ["Bearer \xff"],
        [f"Bearer {good}", f"Bearer {good}"],
        [f"Bearer {good}", "Basic eDp5"],
    ):
        refused = await refusal(door, *sent, anonymous=True)
        assert isinstance(refused, Unauthorized)
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="sitrep", error="invalid_token"'
        assert good not in refused.detail


async def test_revocation_and_expiry_hold_at_once(db: Database, door: Door) -> None:
    expires_at = START + timedelta(seconds=10)
    _, expiring = await create_key(db, "a", ["read"], expires_at=expires_at, clock=lambda: START)
    key, revoked = await create_key(db, "b", ["read"])
    await door.knock(f"Bearer {expiring}")
    await door.knock(f"Bearer {revoked}")

    await revoke_key(db, key.id)
    door.wait(10)

    assert (await refusal(door, f"Bearer {revoked}")).detail == "The key was revoked."
    assert (await refusal(door, f"Bearer {expiring}")).detail == "The key has expired."


async def test_a_key_is_looked_up_once_in_a_quarter_of_a_second_whatever_it_opens(
    db: Database, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    async def find(db: Database, key_id: str) -> StoredKey | None:
        looked.append(key_id)
        return await find_key(db, key_id)

    monkeypatch.setattr("app.auth.authentication.find_key", find)
    key, text = await create_key(db, "desk", ["write"])
    scopes: list[Scope | None] = ["write", "read", None, "write"]
    for scope in scopes:
        assert (await door.knock(f"Bearer {text}", scope=scope, method="POST")).id == key.id
    assert isinstance(await refusal(door, f"Bearer {text}", scope="admin"), Forbidden)
    assert looked == [key.id]
    door.wait(0.25)
    await door.knock(f"Bearer {text}", scope="write")
    assert looked == [key.id, key.id]


async def test_anonymous_reading_opens_get_and_head_where_both_the_route_and_the_settings_allow_it(doors: Any) -> None:
    opened, closed = doors(anonymous_read=True), doors()
    for method in ("GET", "HEAD"):
        assert await opened.knock(anonymous=True, method=method) is ANONYMOUS
        assert isinstance(await refusal(opened, method=method), Unauthorized)
        assert isinstance(await refusal(closed, anonymous=True, method=method), Unauthorized)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert isinstance(await refusal(opened, anonymous=True, method=method), Unauthorized)


async def test_the_twenty_first_failure_in_a_minute_waits_and_good_keys_go_on(db: Database, door: Door) -> None:
    _, good = await create_key(db, "a", ["read"])
    for _ in range(20):
        assert isinstance(await refusal(door, "Bearer x"), Unauthorized)
        door.wait(1)

    refused = await refusal(door, "Bearer x")
    assert isinstance(refused, TooManyRequests)
    assert refused.headers == {"Retry-After": "41"}
    assert (await door.knock(f"Bearer {good}")).name == "a"
    assert isinstance(await refusal(door, "Bearer x", host="192.0.2.2"), Unauthorized)

    door.wait(41)
    assert isinstance(await refusal(door, "Bearer x"), Unauthorized)


async def test_asking_without_a_key_is_no_failed_authentication(door: Door) -> None:
    for _ in range(30):
        assert isinstance(await refusal(door), Unauthorized)


async def test_the_rate_limit_counts_each_key_and_each_anonymous_address(db: Database, doors: Any) -> None:
    door = doors(rate_limit=RateLimit(2, 10), anonymous_read=True)
    _, first = await create_key(db, "a", ["read"])
    _, second = await create_key(db, "b", ["read"])
    callers: list[tuple[tuple[str, ...], str]] = [
        ((f"Bearer {first}",), "192.0.2.1"),
        ((f"Bearer {second}",), "192.0.2.1"),
        ((), "192.0.2.1"),
        ((), "192.0.2.2"),
    ]
    for sent, host in callers:
        policy = "key" if sent else "address"
        for left, back in ((1, 5), (0, 10)):
            fields: dict[str, str] = {}
            await door.knock(*sent, host=host, anonymous=True, fields=fields)
            assert fields == {
                "RateLimit-Policy": f'"{policy}";q=2;w=10', "RateLimit": f'"{policy}";r={left};t={back}',
            }  # fmt: skip
        refused = await refusal(door, *sent, host=host, anonymous=True)
        assert isinstance(refused, TooManyRequests)
        assert refused.headers["Retry-After"] == "5"
        assert refused.headers["RateLimit"] == f'"{policy}";r=0;t=10'

    door.wait(5)
    await door.knock(f"Bearer {first}")


async def test_without_a_rate_limit_nothing_is_counted(db: Database, door: Door) -> None:
    _, text = await create_key(db, "a", ["read"])
    fields: dict[str, str] = {}
    for _ in range(50):
        await door.knock(f"Bearer {text}", fields=fields)
    assert fields == {}


@pytest.mark.parametrize(("cache_control", "shown"), [("no-store", True), ("public, max-age=60", False), ("", True)])
async def test_rate_limit_fields_stay_off_what_caches_keep(cache_control: str, *, shown: bool) -> None:
    async def app(scope: Any, _: Any, send: Any) -> None:
        scope[QUOTA_SCOPE_KEY]["RateLimit"] = "x"
        await send({"type": "http.response.start", "headers": [(b"cache-control", cache_control.encode())]})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    await RateLimitHeadersMiddleware(app)({"type": "http"}, receive, send)
    assert ((b"ratelimit", b"x") in sent[0]["headers"]) is shown


async def test_a_use_is_noted_in_the_background_once_a_minute(db: Database, door: Door) -> None:
    key, text = await create_key(db, "a", ["read"], clock=lambda: START)
    for _ in range(3):
        await door.knock(f"Bearer {text}")
        door.wait(10)
    await door.access.close()
    found = await find_key(db, key.id)
    assert found is not None
    assert found.last_used_at == START


async def test_a_refused_scope_is_a_use_and_a_bad_secret_is_none(db: Database, door: Door) -> None:
    used, used_text = await create_key(db, "a", ["read"])
    unused, unused_text = await create_key(db, "b", ["read"])
    await refusal(door, f"Bearer {used_text}", scope="admin")
    await refusal(door, f"Bearer {format_key(unused_text.split('_')[1], new_secret())}")
    await door.access.close()
    assert (await find_key(db, used.id)) == replace(used, last_used_at=START)
    assert (await find_key(db, unused.id)) == unused


async def test_a_note_that_cannot_be_written_fails_no_request(db: Database) -> None:
    class Broken:
        dialect = db.dialect

        async def rows(self, *values: Any, **named: Any) -> Any:
            return await db.rows(*values, **named)

        async def write(self, *_: Any) -> Any:
            raise OSError

    _, text = await create_key(db, "a", ["read"])
    door = Door(Broken())  # type: ignore[arg-type]
    for _ in range(3):
        assert (await door.knock(f"Bearer {text}")).name == "a"
        door.wait(61)
    await door.access.close()
