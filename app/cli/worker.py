"""`sitrep worker`: pushes changes to subscribers, in a process of its own."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.settings import Settings


def worker() -> None:
    """Push changes to subscribers, beside any number of others.

    Takes its share of the subscriptions and gives it back when it is asked to
    stop. `sitrep serve` has a worker of its own unless told --no-delivery.
    """
    import uvloop

    from app.cli.database import require_usable
    from app.logs import set_up_logs
    from app.settings import read_settings

    settings = read_settings()
    asyncio.run(require_usable(settings))
    set_up_logs(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop that `sitrep serve` runs on
        runner.run(work(settings))


async def work(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT; a database that is away or has another schema is waited for."""
    from prometheus_client import CollectorRegistry

    from app.changes import ChangeLog
    from app.cli.database import open_for_command
    from app.feed.notifier import Notifier
    from app.kit.gc import freeze_gc
    from app.subscriptions.delivery.metrics import DeliveryCounts
    from app.subscriptions.delivery.worker import Worker
    from app.subscriptions.transport.secret_cipher import SecretCipher
    from app.subscriptions.transport.url_guard import TargetPolicy

    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    async with open_for_command(settings, any_schema=True) as db:
        notifier = Notifier(ChangeLog(db, settings.source))
        counts = DeliveryCounts(CollectorRegistry())
        delivering = Worker(notifier, SecretCipher(settings), TargetPolicy.of(settings), counts)
        notifier.start()
        delivering.start()
        freeze_gc()
        await ended.wait()
        await delivering.stop()
        await notifier.stop()
