"""Addresses are read as libpq reads them, and what is wrong is one sentence without the password."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database_address import AddressError, PostgresAddress, SqliteAddress, normalize, read_address
from app.database_address.parameters import KNOWN
from app.settings import SettingsError, read_settings


def postgres_address(url: str) -> PostgresAddress:
    address = read_address(url)
    assert isinstance(address, PostgresAddress)
    return address


def fault_of(url: str) -> str:
    with pytest.raises(AddressError) as refused:
        read_address(url)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgres+asyncpg", "PostgreSQL"])
def test_every_spelling_of_postgresql_is_one(scheme: str) -> None:
    assert normalize(f"{scheme}://u:p@h/d?sslmode=require") == "postgresql://u:p@h/d?sslmode=require"


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"])
def test_every_spelling_of_sqlite_is_one(scheme: str) -> None:
    assert normalize(f"{scheme}:////var/lib/sitrep.db") == "sqlite:////var/lib/sitrep.db"
    assert read_address(f"{scheme}:///here.db") == SqliteAddress("here.db")


@pytest.mark.parametrize(
    ("rest", "hosts"),
    [
        ("h/d", (("h", 5432),)),
        ("h:6000/d", (("h", 6000),)),
        ("[::1]:6000/d", (("::1", 6000),)),
        ("[fe80::1%25eth0]/d", (("fe80::1%eth0", 5432),)),
        ("h1:1,h2:2,[::1]:3/d", (("h1", 1), ("h2", 2), ("::1", 3))),
        ("h1,h2/d", (("h1", 5432), ("h2", 5432))),
        ("/d?host=/run/postgresql", (("/run/postgresql", 5432),)),
        ("%2Frun%2Fpostgresql:6000/d", (("/run/postgresql", 6000),)),
        ("/d?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("/d?host=a,b&port=7", (("a", 7), ("b", 7))),
        ("ignored/d?host=h", (("h", 5432),)),
        ("/d?hostaddr=192.0.2.1", (("192.0.2.1", 5432),)),
        ("/d?port=6000", (("localhost", 6000),)),
        ("/d", ()),
    ],
)
def test_hosts_and_ports(rest: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert postgres_address(f"postgresql://{rest}").hosts == hosts


@given(user=st.text(min_size=1), password=st.text(min_size=1), database=st.text(min_size=1))
def test_whatever_is_percent_encoded_comes_back(user: str, password: str, database: str) -> None:
    if "\0" in user + password + database:
        return
    try:
        parts = [quote(each, safe="") for each in (user, password, database)]
    except UnicodeEncodeError:  # half a surrogate pair
        return
    address = postgres_address("postgresql://{}:{}@h/{}".format(*parts))
    assert (address.user, address.password, address.database) == (user, password, database)
    assert address.shown == f"postgresql://h:5432/{database}"


def test_a_password_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(postgres_address("postgresql://u:hunter2@h/d?sslpassword=hunter2"))


def test_parameters_become_what_the_connection_is_given() -> None:
    parameters = postgres_address(
        "postgresql://h/d?sslmode=verify-full&sslrootcert=/ca.pem&application_name=a%20b&connect_timeout=7"
        "&options=-c%20statement_timeout=5s%20--search-path=a\\%20b%20-cgeqo=off&target_session_attrs=primary"
        "&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&channel_binding=prefer&load_balance_hosts=random"
    ).parameters
    assert dict(parameters.tls) == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}
    assert dict(parameters.session) == {
        "statement_timeout": "5s",
        "search_path": "a b",
        "geqo": "off",
        "application_name": "a b",
    }
    assert parameters.connect_timeout_s == 7
    assert parameters.target_session_attrs == "primary"
    assert parameters.shuffle_hosts
    assert parameters.socket_options == (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    )


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("0", None), ("-1", None)])
def test_no_connect_timeout_is_for_ever(text: str, seconds: float | None) -> None:
    assert postgres_address(f"postgresql://h/d?connect_timeout={text}").parameters.connect_timeout_s == seconds


def test_keepalives_can_be_turned_off() -> None:
    assert postgres_address("postgresql://h/d?keepalives=0&keepalives_idle=5").parameters.socket_options == ()


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("sslmod=require", "sslmod is not a parameter of PostgreSQL; did you mean sslmode?"),
        ("pgbouncer=true", "pgbouncer is not a parameter of PostgreSQL"),
        ("sslmode=on", "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode", "the parameter sslmode has no value"),
        ("channel_binding=require", "the driver cannot bind channels"),
        ("client_encoding=LATIN1", "the program speaks UTF-8"),
        ("gssencmode=require", "the driver has no GSSAPI encryption"),
        ("target_session_attrs=master", "target_session_attrs must be one of any"),
        ("connect_timeout=5s", "connect_timeout must be a whole number"),
        ("keepalives_idle=x", "keepalives_idle must be a whole number"),
        ("keepalives=yes", "keepalives must be one of 0, 1"),
        ("options=endpoint%3Dx", "options may hold settings only"),
        ("options=-c%20x", "options may hold settings only"),
        ("options=-c", "options may hold settings only"),
        ("service=x", "the parameter service is not supported"),
        ("hostaddr=192.0.2.1", "hostaddr cannot stand beside a host"),
        ("port=1,2", "has 1 hosts and 2 ports"),
        ("port=x", "the port must be a number"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system needs sslmode=verify-full"),
        ("sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require"),
        ("application_name=%zz", "the application_name has a % that begins no code"),
        ("application_name=%ff", "the application_name is not UTF-8"),
        ("application_name=%00", "the application_name holds a NUL"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_named(parameter: str, said: str) -> None:
    fault = fault_of(f"postgresql://u:hunter2@h/d?{parameter}")
    assert fault.startswith(said)
    assert "\n" not in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter/2hunter@h/d",
        "postgresql://u:hunter?2hunter@h/d",
        "postgresql://u:hunter?2=hunter@h/d",
        "postgresql://u:hunter#2hunter@h:x/d",
        "postgresql://u:hunter@2hunter@h/d",
        "postgresql://u:hunter&2hunter@h/d?hunter@x=1",
        "postgresql://u:hunter%zz@h/d",
        "postgresql://u:hunter@h:99999/d",
        "postgresql://u:hunter@::1/d",
        "postgresql://u:hunter@a,,b/d",
        "postgresql+psycopg2://u:hunter@h/d",
        "mysql://u:hunter@h/d",
        "hunter",
    ],
)
def test_no_sentence_holds_a_part_of_the_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter" not in fault_of(url)
    monkeypatch.setenv("SITREP_DATABASE_URL", url)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "hunter" not in str(refused.value)
    assert str(refused.value).startswith("SITREP_DATABASE_URL: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names a database in memory"),
        ("sqlite:///:memory:", "names a database in memory"),
        ("sqlite://:memory:", "names a database in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "names a database in memory"),
        ("sqlite:///", "must name a file"),
        ("sqlite:////var/lib/", "must name a file"),
        ("sqlite://sitrep.db", "must be sqlite:///<path>, with three slashes"),
        ("sqlite:///sitrep.db?timeout=5", "a SQLite address takes no parameters: leave out timeout"),
        ("sqlite:///sitrep.db?mode=ro", "a SQLite address takes no parameters: leave out mode"),
        ("sqlite:///file:sitrep.db", "must be sqlite:///<path> with a plain path"),
        ("sqlite:///a%23b#c", "a SQLite path may not have #"),
        ("sqlite+sqlcipher:///x.db", "names a driver that is not used here: begin it with sqlite://"),
    ],
)
def test_a_sqlite_address_is_a_plain_path(url: str, said: str) -> None:
    assert fault_of(url).startswith(said)


@given(
    st.text(), st.sampled_from(["postgresql://", "postgres://u:p@", "sqlite:///", ""]), st.sampled_from(["", *KNOWN])
)
def test_any_text_is_an_address_or_a_sentence(text: str, before: str, name: str) -> None:
    try:
        address = read_address(before + text + (f"?{name}={text}" if name else ""))
    except AddressError as error:
        shown = str(error)
    else:
        shown = address.shown.replace("\n", "")  # a database may have any name
    assert shown
    assert "\n" not in shown
