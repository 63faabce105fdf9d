"""`sitrep` for tests: run in this process by `typed`, or started as a process of its own by `start`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
import pytest
from processes import Forked
from programs import free_port

from app.cli import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

PATIENCE_S = 300.0
KEY = re.compile(r"sitrep_[a-z2-7]{10}_[a-z2-7]+_[0-9a-f]+")


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit status."""

    out: str
    err: str
    status: int


@dataclass
class Started:
    """A process that runs `sitrep`; its output goes to files, so that it never blocks."""

    process: Forked
    out_file: Path
    err_file: Path
    port: int

    @property
    def out(self) -> str:
        return self.out_file.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self.err_file.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, holds: Callable[[], bool | Awaitable[bool]]) -> None:
        """Come back when it holds; fail when the process ends first or time is up."""
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            assert self.process.poll() is None, self.err
            assert time.monotonic() < end, self.err
            await asyncio.sleep(0.05)

    async def answers(self, path: str = "/readyz", status: int = 200) -> None:
        """Come back when it answers so."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60) as client:

            async def asked() -> bool:
                try:
                    return (await client.get(path)).status_code == status
                except httpx.TransportError:
                    return False

            await self.until(asked)

    async def ended(self) -> int:
        """Its exit status."""
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)

    async def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets SITREP_<name> for `typed` and `start`."""
    return lambda name, value: monkeypatch.setenv(f"SITREP_{name.upper()}", value)


@pytest.fixture
def typed(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Awaitable[Said]]:
    """Run a command in this process."""

    async def type_(*arguments: str) -> Said:
        capfdbinary.readouterr()
        status = await asyncio.to_thread(run, arguments)
        out, err = capfdbinary.readouterr()
        return Said(out.decode(), err.decode(), status)

    return type_


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start `sitrep` as a process; `{port}` in an argument is a free port. All are ended when the test is over."""
    started: list[Started] = []

    def start_(*arguments: str) -> Started:
        port = free_port()
        n = len(started)
        out, err = tmp_path / f"out-{n}", tmp_path / f"err-{n}"
        words = [each.format(port=port) for each in arguments]
        process = Forked(words, out, err, os.environ, tmp_path)
        started.append(Started(process, out, err, port))
        return started[-1]

    yield start_
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(PATIENCE_S)


@pytest.fixture
def serve(
    database_url: str, setting: Callable[[str, str], None], start: Callable[..., Started]
) -> Callable[[int], Started]:
    """Starts a server of the test's database on a port."""
    setting("database_url", database_url)
    return lambda port: replace(start("serve", "--port", str(port)), port=port)


def keys_in(text: str) -> list[str]:
    """The keys that were printed."""
    return KEY.findall(text)


def bearer(key: str) -> dict[str, str]:
    """The header that sends it."""
    return {"authorization": f"Bearer {key}"}
