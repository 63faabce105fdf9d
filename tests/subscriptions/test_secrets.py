"""Webhook secrets at rest: where the key comes from, and that nobody without it reads a secret."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import Unavailable
from app.main import create_app
from app.settings import Settings, SettingsError
from app.subscriptions.transport.secret_cipher import SecretCipher, key_beside
from app.subscriptions.transport.signing import new_secret

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "correct horse battery staple"
SECRET = new_secret()


def beside(folder: Path, **settings: Any) -> SecretCipher:
    return SecretCipher(Settings(database_url=f"sqlite:///{folder / 'sitrep.db'}", **settings))


def on_postgresql(**settings: Any) -> SecretCipher:
    return SecretCipher(Settings(database_url="postgresql://somebody@127.0.0.1/sitrep", **settings))


def test_what_was_sealed_is_opened_by_the_same_key_and_looks_like_nothing() -> None:
    sealed = on_postgresql(secret_key=KEY).seal(SECRET)
    assert on_postgresql(secret_key=KEY).open(sealed) == SECRET
    assert SECRET.encode() not in sealed
    assert SECRET.removeprefix("whsec_").encode() not in sealed


def test_the_same_secret_sealed_twice_is_not_seen_to_be_the_same() -> None:
    cipher = on_postgresql(secret_key=KEY)
    assert cipher.seal(SECRET) != cipher.seal(SECRET)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1],
        lambda _: b"",
        lambda _: b"\xff\x00",
        lambda sealed: sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:],
    ],
)
def test_a_sealed_secret_that_was_altered_is_unavailable(spoil: Callable[[bytes], bytes]) -> None:
    cipher = on_postgresql(secret_key=KEY)
    with pytest.raises(Unavailable):
        cipher.open(spoil(cipher.seal(SECRET)))


def test_another_key_opens_nothing_and_says_which_setting_is_to_blame() -> None:
    sealed = on_postgresql(secret_key=KEY).seal(SECRET)
    with pytest.raises(Unavailable, match="SITREP_SECRET_KEY") as refusal:
        on_postgresql(secret_key=KEY + "!").open(sealed)
    assert KEY not in refusal.value.detail
    assert refusal.value.status == 503


def test_without_a_key_nothing_is_sealed_on_postgresql() -> None:
    with pytest.raises(Unavailable, match="SITREP_SECRET_KEY"):
        on_postgresql().seal(SECRET)
    with pytest.raises(Unavailable, match="SITREP_SECRET_KEY"):
        on_postgresql().open(b"")


def test_beside_a_sqlite_file_a_key_is_made_when_it_is_first_needed_for_its_owner_only(tmp_path: Path) -> None:
    cipher, path = beside(tmp_path), tmp_path / "sitrep.db.key"
    assert not path.exists()
    sealed = cipher.seal(SECRET)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().strip()) >= 32
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert beside(tmp_path).open(sealed) == SECRET


def test_a_key_in_the_settings_needs_no_file(tmp_path: Path) -> None:
    assert beside(tmp_path, secret_key=KEY).seal(SECRET)
    assert list(tmp_path.iterdir()) == []


def test_two_databases_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    sealed = beside(tmp_path).seal(SECRET)
    with pytest.raises(Unavailable):
        beside(tmp_path / "other").open(sealed)


def test_of_many_makers_one_wins_and_all_use_its_key(tmp_path: Path) -> None:
    for round_ in range(20):
        path, start = tmp_path / f"{round_}.key", Barrier(8)

        def make(path: Path = path, start: Barrier = start) -> str:
            start.wait()
            return key_beside(path)

        with ThreadPoolExecutor(8) as pool:
            keys = {future.result() for future in [pool.submit(make) for _ in range(8)]}
        assert keys == {path.read_text().strip()}
    assert len(list(tmp_path.iterdir())) == 20


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe\x00 no text at all, but long enough"])
def test_a_file_beside_the_database_with_no_key_in_it_is_unavailable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sitrep.db.key").write_bytes(content)
    with pytest.raises(Unavailable, match="cannot be read"):
        beside(tmp_path).seal(SECRET)
    assert (tmp_path / "sitrep.db.key").read_bytes() == content


def test_a_key_that_cannot_be_read_or_made_is_unavailable_until_it_can(tmp_path: Path) -> None:
    (tmp_path / "sitrep.db.key").mkdir()
    cipher = beside(tmp_path)
    with pytest.raises(Unavailable, match="cannot be read or made"):
        cipher.seal(SECRET)
    (tmp_path / "sitrep.db.key").rmdir()
    assert cipher.open(cipher.seal(SECRET)) == SECRET
    with pytest.raises(Unavailable, match="cannot be read or made"):
        beside(tmp_path / "nowhere").seal(SECRET)


def test_a_key_file_is_read_at_the_start_without_the_space_around_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"  {KEY}\n\n")
    cipher = on_postgresql(secret_key_file=path)
    path.unlink()
    assert on_postgresql(secret_key=KEY).open(cipher.seal(SECRET)) == SECRET


@pytest.mark.parametrize("content", [None, b"", b"   \n", b"fifteen letters", b"\xff\xfe\x00 no text, but long enough"])
def test_a_key_file_without_a_key_stops_the_start_and_is_not_shown(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^SITREP_SECRET_KEY_FILE: ") as refusal:
        create_app(Settings(database_url=f"sqlite:///{tmp_path / 'sitrep.db'}", secret_key_file=path))
    assert "fifteen" not in str(refusal.value)


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        on_postgresql(secret_key_file=tmp_path)
