"""pgbouncer for tests: Debian's, before the PostgreSQL of the tests, in session or transaction mode."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from programs import NOBODY, PATIENCE_S, as_nobody, await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
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
    if as_nobody():
        shutil.chown(folder, NOBODY)
        sockets.chmod(0o755)
        (sockets / f".s.PGSQL.{port}").chmod(0o777)
    process = subprocess.Popen([PGBOUNCER, "-q", configuration], **as_nobody())  # noqa: S603 (Debian's)
    try:
        await_listener(process, listen, folder / "log")
        yield f"postgresql://postgres@127.0.0.1:{listen}/postgres"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)
