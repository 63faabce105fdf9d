"""What tests need to start other programs: ports for them, a user to run them as, and a wait until they listen."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NOBODY = 65534
PATIENCE_S = 120.0


def free_port() -> int:
    """A port of the loopback address that no program has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_nobody() -> dict[str, Any]:
    """Options of `subprocess.Popen` for a program that refuses to run as root; none where the tests do not."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


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
