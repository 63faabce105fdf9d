"""Settings: what the environment may say, and what stops the start."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import RateLimit, Settings, SettingsError, read_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("SITREP_")]:
        monkeypatch.delenv(name)


def read_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"SITREP_{name}", value)
    return read_settings()


def fault_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as refusal:
        read_with(monkeypatch, **environment)
    return str(refusal.value)


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings()
    assert (settings.database_url, settings.host, settings.port) == ("sqlite:///sitrep.db", "127.0.0.1", 8000)
    assert settings.target_ports == {443, 80, 8443}
    assert not settings.anonymous_read
    assert settings.cors_origins == ()
    assert (settings.rate_limit, settings.change_retention, settings.secret_key, settings.source) == (None,) * 4
    assert (settings.sse_max, settings.sse_per_key) == (2000, 100)


def test_values_are_read_into_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(
        monkeypatch,
        PORT="9000",
        ANONYMOUS_READ="true",
        CORS_ORIGINS="https://example.org, http://localhost:5173",
        ALLOW_PRIVATE_TARGETS="10.0.0.0/8,fd00::/8",
        TARGET_PORTS="443, 9443",
        RATE_LIMIT="600/60",
        CHANGE_RETENTION="90d",
        SECRET_KEY="0123456789abcdef",
        LOG_LEVEL="WARNING",
        LOG_FORMAT="console",
        SOURCE="urn:example:sitrep",
    )
    assert settings.port == 9000
    assert settings.anonymous_read
    assert settings.cors_origins == ("https://example.org", "http://localhost:5173")
    assert settings.allow_private_targets == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.target_ports == {443, 9443}
    assert settings.rate_limit == RateLimit(600, 60)
    assert settings.change_retention == timedelta(days=90)
    assert (settings.log_level, settings.log_format) == ("warning", "console")
    assert settings.source == "urn:example:sitrep"


def test_a_misspelt_name_is_told_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = fault_with(monkeypatch, DATABSE_URL="x")
    assert fault == "SITREP_DATABSE_URL is not a setting; did you mean SITREP_DATABASE_URL?"


def test_a_name_like_no_other_is_told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault_with(monkeypatch, XYZZY="x") == "SITREP_XYZZY is not a setting."


def test_what_kubernetes_injects_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(
        monkeypatch, PORT="tcp://10.0.0.1:80", PORT_80_TCP="tcp://10.0.0.1:80", SERVICE_HOST="10.0.0.1"
    )
    assert settings.port == 8000


def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_with(monkeypatch, RATE_LIMIT="", PORT="").port == 8000


def test_an_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITREP_PORT", "9000")
    assert read_settings(port=9001, host=None).port == 9001


def test_no_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SITREP_PORT=9000\nPORT=9000\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_settings().port == 8000


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(read_settings(), "port", 1)  # noqa: B010 - mypy would refuse the plain assignment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/sitrep"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///a.db?mode=ro"),
        ("DATABASE_URL", "postgresql+psycopg://localhost/sitrep"),
        ("DATABASE_URL", "postgresql://localhost:0/sitrep"),
        ("READ_DATABASE_URL", "postgresql://localhost/sitrep"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("ANONYMOUS_READ", "perhaps"),
        ("CORS_ORIGINS", "https://example.org/"),
        ("CORS_ORIGINS", "example.org"),
        ("SOURCE", "two words"),
        ("ALLOW_PRIVATE_TARGETS", "10.0.0.1/8"),
        ("TARGET_PORTS", "443,https"),
        ("TARGET_PORTS", "0"),
        ("SECRET_KEY", "short"),
        ("RATE_LIMIT", "600"),
        ("RATE_LIMIT", "0/60"),
        ("RATE_LIMIT", "600/0"),
        ("CHANGE_RETENTION", "90"),
        ("CHANGE_RETENTION", "0d"),
        ("CHANGE_RETENTION", "99999d"),
        ("SSE_MAX", "-1"),
        ("TILES_URL", "tiles.example.org/{z}/{x}/{y}.png"),
        ("TILES_URL", "https://tiles.example.org/{z}/{x}.png"),
        ("TILES_URL", "https://tiles.example.org/{z}/{x}/{y}/{r}.png"),
        ("TILES_URL", "https://{s}.example.org/{z}/{x}/{y}.png"),
        ("TILES_URL", "https://user:password@tiles.example.org/{z}/{x}/{y}.png"),
        ("TILES_URL", "https://tiles.example.org/world.mbtiles"),
        ("TILES_URL", "https://tiles.example.org;script-src/{z}/{x}/{y}.png"),
        ("TILES_URL", "https://tiles.example.org/{z}/{x}/{y}.png\n"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_is_told_by_name_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    fault = fault_with(monkeypatch, **{name: value})
    assert f"SITREP_{name}" in fault
    assert "\n" not in fault
    if name == "SECRET_KEY":
        assert value not in fault


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = fault_with(
        monkeypatch,
        PORT="x",
        LOG_LEVEL="x",
        PROT="1",
        XYZZY="",
        SECRET_KEY="short",
        SECRET_KEY_FILE="/etc/secret",
        READ_DATABASE_URL="postgresql://localhost/sitrep",
    )
    told = [line.replace(":", " ").split()[0].removeprefix("SITREP_") for line in fault.splitlines()]
    assert sorted(told) == ["LOG_LEVEL", "PORT", "PROT", "READ_DATABASE_URL", "SECRET_KEY", "SECRET_KEY_FILE", "XYZZY"]


def test_two_secret_keys_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = fault_with(monkeypatch, SECRET_KEY="0123456789abcdef", SECRET_KEY_FILE="/etc/secret")
    assert fault == "SITREP_SECRET_KEY_FILE: SITREP_SECRET_KEY is set too; set one of them."


def test_a_replica_has_a_primary_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = fault_with(monkeypatch, READ_DATABASE_URL="postgresql://localhost/sitrep")
    assert fault == (
        "SITREP_READ_DATABASE_URL: a replica needs a primary, but SITREP_DATABASE_URL names a SQLite file."
    )


@pytest.mark.parametrize("primary", ["sqlite:///sitrep.db", "postgresql://localhost/sitrep"])
def test_a_sqlite_file_is_no_replica(monkeypatch: pytest.MonkeyPatch, primary: str) -> None:
    fault = fault_with(monkeypatch, DATABASE_URL=primary, READ_DATABASE_URL="sqlite:///copy.db")
    assert fault == "SITREP_READ_DATABASE_URL: must be a replica on PostgreSQL; a SQLite file has none."


def test_a_replica_beside_its_primary_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(monkeypatch, DATABASE_URL="postgres://one/sitrep", READ_DATABASE_URL="postgres://two/sitrep")
    assert settings.read_database_url == "postgresql://two/sitrep"


def test_both_spellings_of_postgresql_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(monkeypatch, DATABASE_URL="postgres://u:p@[::1]:5433/sitrep")
    assert settings.database_url == "postgresql://u:p@[::1]:5433/sitrep"


def test_a_secret_key_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(read_settings(secret_key="0123456789abcdef"))
