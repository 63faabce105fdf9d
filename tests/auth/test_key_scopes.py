"""What a key opens, and when it opens nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.auth.key_format import hash_secret, new_secret
from app.auth.last_used import is_due
from app.auth.tables import ANONYMOUS, SCOPES, Key, Scope, StoredKey, rejection_reason, sort_scopes

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def stored(secret: str, **values: Any) -> StoredKey:
    good = StoredKey("a", "n", "o", ("read",), None, hash_secret(secret), NOW, None, None)
    return replace(good, **values)


@pytest.mark.parametrize(
    ("held", "opens"),
    [
        ("read", {"read"}),
        ("write", {"read", "write"}),
        ("subscribe", {"read", "subscribe"}),
        ("admin", {"read", "write", "subscribe", "admin"}),
    ],
)
def test_a_scope_opens_what_it_includes_and_nothing_else(held: Scope, opens: set[str]) -> None:
    key = Key("a", "n", "o", (held,), None)
    assert {scope for scope in SCOPES if key.may(scope)} == opens


def test_the_anonymous_reader_may_read_only() -> None:
    assert [scope for scope in SCOPES if ANONYMOUS.may(scope)] == ["read"]
    assert ANONYMOUS.owner == ""


def test_a_good_key_has_no_fault() -> None:
    secret = new_secret()
    assert rejection_reason(stored(secret), secret, NOW) is None
    assert rejection_reason(stored(secret, expires_at=NOW + SECOND), secret, NOW) is None


def test_unknown_wrong_revoked_and_expired_keys_have_one() -> None:
    secret = new_secret()
    assert rejection_reason(None, secret, NOW) == "The key is not known here."
    assert rejection_reason(stored(secret), new_secret(), NOW) == "The key is not known here."
    assert rejection_reason(stored(secret, revoked_at=NOW), secret, NOW) == "The key was revoked."
    assert rejection_reason(stored(secret, expires_at=NOW), secret, NOW) == "The key has expired."


def test_only_who_knows_the_secret_learns_that_a_key_was_revoked_or_has_expired() -> None:
    gone = stored(new_secret(), revoked_at=NOW, expires_at=NOW)
    assert rejection_reason(gone, new_secret(), NOW) == "The key is not known here."


def test_no_secret_hashes_to_the_dummy() -> None:
    assert rejection_reason(None, "", NOW) is not None


def test_scopes_are_kept_once_each_and_in_order() -> None:
    assert sort_scopes(["admin", "read", "read"]) == ("read", "admin")


def test_a_use_is_due_once_a_minute() -> None:
    assert is_due(None, None, NOW)
    assert not is_due(NOW - 59 * SECOND, None, NOW)
    assert is_due(NOW - 60 * SECOND, None, NOW)
    assert not is_due(None, NOW - 59 * SECOND, NOW)
    assert is_due(None, NOW + timedelta(hours=1), NOW)
