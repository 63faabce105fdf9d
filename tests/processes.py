"""Processes that run `sitrep`, forked from one that has the program loaded: a start takes no time to import it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["app.cli.samples", "app.cli.migrate", "app.main", "app.server"])


class Forked:
    """A process of its own, with the part of `subprocess.Popen` that tests use; its output goes to files."""

    def __init__(
        self, arguments: Sequence[str], out: Path, err: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        self.args = arguments
        for path in (out, err):
            path.touch()
        self._process = FORKS.Process(target=run_command, args=(arguments, out, err, dict(environment), folder))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, negative the number of a signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Its exit status, once it has ended."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        self.send_signal(signal.SIGKILL)


def run_command(arguments: Sequence[str], out: Path, err: Path, environment: dict[str, str], folder: Path) -> None:
    """Be the process: `python -m app` with these arguments."""
    from app.cli import run

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (for as long as the process lives)
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.exit(run(arguments))
