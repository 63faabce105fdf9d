"""Starts a delivery worker for each line on stdin, by forking, so that what they import is loaded once.

Usage: forking_workers.py URL LEASE_S. The process id of each worker goes to stdout on a line of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace

from prometheus_client import CollectorRegistry
from workers import QUICK, settings_for

from app.changes import ChangeLog
from app.db import open_database
from app.feed.notifier import Notifier
from app.logs import set_up_logs
from app.subscriptions.delivery.metrics import DeliveryCounts
from app.subscriptions.delivery.worker import Worker
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.url_guard import TargetPolicy


async def deliver(url: str, lease_s: float) -> None:
    """Work until killed."""
    set_up_logs(settings_for(url))
    db = open_database(url)
    await db.connect()
    notifier = Notifier(ChangeLog(db))
    settings = settings_for(url)
    worker = Worker(
        notifier,
        SecretCipher(settings),
        TargetPolicy.of(settings),
        DeliveryCounts(CollectorRegistry()),
        timings=replace(QUICK, lease_s=lease_s),
    )
    notifier.start()
    worker.start()
    await asyncio.Event().wait()


def main(url: str, lease_s: float) -> None:
    """Fork a worker for each line; ended ones are collected by the system."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            asyncio.run(deliver(url, lease_s))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
