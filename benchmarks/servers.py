"""Starts processes on loopback, servers all with the same settings, and reads how much processor time they took."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROC = Path("/proc")
HELD = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of the kernel, in the lowest bits of a clock that names a process


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `database` names the PostgreSQL database whose backends work for it."""

    name: str
    port: int
    pid: int
    database: str | None = None
    backends: tuple[int, ...] | None = None

    def pinned(self) -> Server:
        """The server with the backends that it has now: those of other processes come later and do not count."""
        return replace(self, backends=tuple(backends_of(self.database)) if self.database else ())

    def cpu(self) -> float:
        """Seconds of processor time that the process and its database backends took so far."""
        backends = self.backends
        if backends is None:
            backends = () if self.database is None else tuple(backends_of(self.database))
        return sum(map(cpu_of, (self.pid, *backends)))

    def memory(self) -> int:
        """The process's own memory, without mapped files, in KiB."""
        found = HELD.search((PROC / str(self.pid) / "status").read_text(encoding="utf-8"))
        assert found is not None, "Linux tells it"
        return int(found[1])


@contextmanager
def serving(name: str, factory: str, env: Mapping[str, str], database: str | None = None) -> Iterator[Server]:
    """Serve `module:factory` with this environment until the block ends."""
    port = free_port()
    own = {"SITREP_HOST": "127.0.0.1", "SITREP_PORT": str(port), **env}
    with running(module("benchmarks.serve", factory), ours(own)) as process:
        wait_for(port, process)
        yield Server(name, port, process.pid, database)


@contextmanager
def working(env: Mapping[str, str], database: str | None = None) -> Iterator[Server]:
    """`sitrep worker` with this environment until the block ends; it listens nowhere."""
    with running(module("app", "worker"), ours(env)) as process:
        yield Server("worker", 0, process.pid, database)


@contextmanager
def receiving() -> Iterator[Server]:
    """A receiver of webhooks until the block ends."""
    with running(module("benchmarks.receiver"), ours({}), subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server("receiver", port, process.pid)


def module(*words: str) -> list[str]:
    """The command that runs a Python module."""
    return [sys.executable, "-m", *words]


def ours(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with these settings of Sitrep's and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SITREP_")}
    return {**kept, "SITREP_LOG_LEVEL": "warning", **env}


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str], stdout: int | None = None, stderr: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with this environment, until the block ends; Ctrl-C on a terminal reaches us, and it by us."""
    process = subprocess.Popen(command, env=dict(env), stdout=stdout, stderr=stderr, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Come back when the server takes connections."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        assert process.poll() is None, "the server did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    message = "the server did not take connections"
    raise TimeoutError(message)


def cpu_of(pid: int) -> float:
    """Seconds on the processor of a process, threads that ended included, to the nanosecond; Linux keeps that clock."""
    with contextlib.suppress(OSError):
        return time.clock_gettime(~pid << 3 | PROCESS_CLOCK)
    return 0.0


def backends_of(database: str) -> list[int]:
    """The PostgreSQL processes that work for connections to this database."""
    found = []
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").split()
            if words[:1] == [b"postgres:"] and database.encode() in words[:4]:
                found.append(int(process.name))
    return found
