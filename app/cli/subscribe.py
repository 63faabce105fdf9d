"""`sitrep subscribe --forward`: relays what changes on a running server to a receiver on this machine, as webhooks."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from app.cli.error_messages import print_error
from app.cli.export import FilterArgument, read_filters
from app.cli.server_feed import (
    LOCAL,
    AfterOption,
    KeyFileOption,
    ServerFeed,
    ServerRefused,
    UrlOption,
    check_url,
    describe,
    read_key,
    read_text,
    run_until_stopped,
)

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    import hmac

    import httpx

# After each try that failed but the last one, so many seconds pass; then the change is given up.
PAUSES_S = (1.0, 2.0, 4.0, 8.0)
TIMEOUT_S = 15.0  # what `push.timeout_s` of a subscription is unless told otherwise


def subscribe(
    *,
    forward: Annotated[str, typer.Option(metavar="URL", help="The receiver: http://localhost:3000/hook.")],
    filters: FilterArgument = None,
    url: UrlOption = LOCAL,
    key_file: KeyFileOption = None,
    after: AfterOption = "now",
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Has the secret; is made if absent.", show_default=False),
    ] = None,
) -> None:
    """Relay each change on a running server to a local receiver.

    The requests are those of a push subscription: signed, one by one and in
    order. A change that is not taken is tried five times in 15 seconds. The
    server keeps nothing: this reads its feed, for which a read key will do.

    Example: sitrep subscribe --forward localhost:3000/hook kind=sanction_move
    """
    target = check_url(forward if "://" in forward else f"http://{forward}")
    secret = read_secret(secret_file)
    feed = ServerFeed(url, read_key(key_file), read_filters(filters or []), print_error)
    asyncio.run(run_until_stopped(relay(feed, after, target, secret)))
    print_error(f"Stopped. Go on with --after {feed.position}.")


async def relay(feed: ServerFeed, after: str, target: str, secret: str) -> None:
    """See whether the server lets this key read, say what the receiver needs to know, and forward."""
    await feed.check()
    print_line(f"Sending changes of {feed.url} to {target}")
    print_line(f"Their secret is {secret}")
    await forward_changes(feed, after, target, secret)


def read_secret(path: Path | None) -> str:
    """The secret in the file, made where there is none yet; without a file, one for this run."""
    from app.subscriptions.transport.signing import PREFIX, key_in, new_secret

    if path is None:
        return new_secret()
    if not path.exists():
        secret = new_secret()
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{secret}\n")
        except OSError as error:
            raise ServerRefused(f"{path} cannot be written: {error.strerror}.", 2) from None
        return secret
    secret = read_text(path)
    try:
        if secret.startswith(PREFIX) and key_in(secret):
            return secret
    except ValueError:
        pass
    raise ServerRefused(f"{path} holds no secret: whsec_ and base64.", 2)


async def forward_changes(
    feed: ServerFeed,
    after: str,
    target: str,
    secret: str,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Send every change after a position; `sleep` is how it pauses between tries."""
    import httpx

    from app.subscriptions.transport.signing import key_in, prepare_message

    headers = {"user-agent": "sitrep/1", "accept-encoding": "identity"}
    # No proxies from the environment: the receiver is on this machine.
    async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        receiver = Receiver(client, target, prepare_message(key_in(secret)), str(uuid4()), sleep)
        async with aclosing(feed.changes(after)) as changes:
            async for _, item, _ in changes:
                if item is not None:
                    await receiver.deliver(item)


@dataclass(frozen=True)
class Receiver:
    """The receiver of the changes; `run_id` stands for the subscription that they would come from."""

    client: httpx.AsyncClient
    url: str
    key: hmac.HMAC
    run_id: str
    sleep: Callable[[float], Awaitable[object]]

    async def deliver(self, item: bytes) -> None:
        """Send a change until it is taken or given up, and print what became of each try."""
        change = json.loads(item)
        title = f"{change['type']} {change['id']}"
        for attempt, pause_s in enumerate((*PAUSES_S, None), 1):
            begun = time.monotonic()
            status, reason = await self._send(change["id"], item, attempt)
            duration = f"{(time.monotonic() - begun) * 1000:.0f} ms"
            is_taken = 200 <= status < 300
            told = f"[{status or '---'}] {title} {duration if status else reason}"
            following = "" if is_taken else "; given up" if pause_s is None else f"; again in {pause_s:g} s"
            print_line(f"{datetime.now(UTC):%H:%M:%S} {told}{following}")
            if is_taken or pause_s is None:
                return
            await self.sleep(pause_s)

    async def _send(self, id: str, body: bytes, attempt: int) -> tuple[int, str]:
        """The status of the answer, or 0 and why there is none."""
        import httpx

        from app.subscriptions.transport.signing import write_signed_fields

        lines = write_signed_fields(id, body, [self.key], int(time.time()), attempt)
        fields = dict(line.split(": ", 1) for line in lines.splitlines())
        fields |= {"webhook-generation": "0", "webhook-subscription": self.run_id}
        try:
            answer = await self.client.post(self.url, content=body, headers=fields)
        except httpx.RequestError as error:
            return 0, describe(error)
        return answer.status_code, ""


def print_line(text: str) -> None:
    """Print a line at once, pipe or not."""
    print(text, flush=True)  # noqa: T201 (the command's output)
