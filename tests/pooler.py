"""pgbouncer for tests: Debian's, before the PostgreSQL of the tests, in session or transaction mode."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
NOBODY = 65534
PATIENCE_S = 120.0
CONFIGURATION = """\
[databases]
* = host={socket} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 300
query_wait_timeout = 30
logfile = {folder}/log
{more}
"""


@contextmanager
def pooling(server: str, mode: str, *, size: int = 3, more: str = "") -> Iterator[str]:
    """Run pgbouncer before a server on a Unix socket; gives the address of its database `postgres`."""
    assert PGBOUNCER is not None
    values = parse_qs(urlsplit(server).query)
    sockets, port = Path(values["host"][0]), values.get("port", ["5432"])[0]
    folder = Path(tempfile.mkdtemp(prefix="sitrep-pgbouncer-"))
    folder.chmod(0o755)
    listen = free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            socket=sockets,
            port=port,
            listen=listen,
            mode=mode,
            size=size,
            folder=folder,
            more=more,
        ),
        encoding="utf-8",
    )
    as_root = os.geteuid() == 0  # pgbouncer refuses to run as root
    if as_root:
        shutil.chown(folder, NOBODY)
        sockets.chmod(0o755)
        (sockets / f".s.PGSQL.{port}").chmod(0o777)
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_root else {}
    process = subprocess.Popen([PGBOUNCER, "-q", configuration], **user)  # type: ignore[call-overload]  # noqa: S603 (Debian's)
    try:
        await_listener(process, listen, folder / "log")
        yield f"postgresql://postgres@127.0.0.1:{listen}/postgres"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Come back when something listens there."""
    end = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port() -> int:
    """A port of the loopback address that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
