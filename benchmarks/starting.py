"""What it costs to start: the help of the command, and a server until it answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx

from app.migrate import migrate
from benchmarks.figures import Figure, figure
from benchmarks.options import Options
from benchmarks.servers import cpu_of, free_port, module, ours, running

STARTED = ("start-help", "start-serve")
PATIENCE_S = 60.0
LOOK_S = 0.02


def start(options: Options) -> Iterator[Figure]:
    """Both rows, each beside the least that Python can do."""
    if options.asks_for("start-help"):
        print("start: sitrep --help", flush=True)
        rounds = [(help_cost(), cost_of([sys.executable, "-c", "pass"])) for _ in range(options.rounds + 1)][1:]
        yield compared("start-help", rounds, "python -c pass")
    if options.asks_for("start-serve"):
        print("start: sitrep serve", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'empty.db'}"
            migrate(url)
            rounds = [(serve_cost(url), bare_cost()) for _ in range(options.rounds + 1)][1:]
        yield compared("start-serve", rounds, "bare uvicorn app")


def compared(row: str, rounds: list[tuple[tuple[float, float], tuple[float, float]]], name: str) -> Figure:
    """Our seconds of processor time, with those of the least and how long both took."""
    spent, least = [one for (one, _), _ in rounds], [other for _, (other, _) in rounds]
    took, took_least = (median(side[1] for side in sides) for sides in zip(*rounds, strict=True))
    times = median(a / b for a, b in zip(spent, least, strict=True))
    remark = f"{times:.1f} times {name}; it took {took:.2f} s, that {took_least:.2f} s"
    return figure(row, "", spent, {name: median(least)}, remark)


def help_cost() -> tuple[float, float]:
    return cost_of(module("app", "--help"))


def cost_of(command: list[str]) -> tuple[float, float]:
    """Seconds of processor time of a command that ends, and how long it took."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=ours({}), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began


def serve_cost(url: str) -> tuple[float, float]:
    """Of `sitrep serve` until it says that it is ready."""
    port = free_port()
    env = {"SITREP_DATABASE_URL": url, "SITREP_HOST": "127.0.0.1", "SITREP_PORT": str(port)}
    return cost_until_ready(module("app", "serve"), env, port, "/readyz")


def bare_cost() -> tuple[float, float]:
    """Of a bare ASGI app, served by uvicorn."""
    port = free_port()
    command = module("uvicorn", "benchmarks.ready:app", "--port", str(port), "--log-level", "warning")
    return cost_until_ready(command, {}, port, "/")


def cost_until_ready(command: list[str], env: dict[str, str], port: int, path: str) -> tuple[float, float]:
    """Seconds of processor time until it answers 200, and how long that took."""
    began = time.perf_counter()
    with (
        running(command, ours(env), subprocess.DEVNULL, subprocess.DEVNULL) as process,
        httpx.Client(trust_env=False) as client,
    ):
        while time.perf_counter() - began < PATIENCE_S:
            with suppress(httpx.HTTPError):
                if client.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200:
                    return cpu_of(process.pid), time.perf_counter() - began
            assert process.poll() is None, command
            time.sleep(LOOK_S)
    message = "it did not get ready"
    raise TimeoutError(message)
