"""Structured logs on stderr: one JSON object a line, or lines for people; other libraries' logs come out alike."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from typing import TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings

log = structlog.get_logger("app.requests")


def set_up_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the logs of the whole process to the stream, as LOG_LEVEL and LOG_FORMAT say."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    common: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending = renderer(settings.log_format)
    stream = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[*common, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)


def renderer(form: str) -> Sequence[structlog.typing.Processor]:
    """How an entry becomes a line. Tracebacks go without local variables, which may hold keys."""
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


class RequestLog:
    """Wraps an ASGI app and logs each request at level debug: method, path without its query, status, milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            spent = round((time.perf_counter() - begin) * 1000, 1)
            log.debug("request", method=scope["method"], path=scope["path"], status=status, milliseconds=spent)
