"""What may be asked of subscriptions: each call reads, checks and answers; the routes come here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Depends

from app.auth import Key
from app.auth.keys import utc_now
from app.changes import ChangeLog, Head, format_cursor, parse_cursor
from app.errors import CursorEpoch, Invalid, TooManyRequests
from app.events.read.as_of import read_instant
from app.events.read.filter_parsers import instant_of
from app.events.write.commands import IfMatch
from app.events.write.idempotency import IdempotentRequest, ResponseData
from app.feed.notifier import Notifier
from app.feed.reader import ChangePage, read_start_position, wait_for_page
from app.http import FromServices
from app.kit.ids import IdSource
from app.kit.json_lines import dump_json
from app.subscriptions.delivery.retry_policy import Attempt
from app.subscriptions.filter import stored_filter
from app.subscriptions.management import queries, transactions
from app.subscriptions.management.transactions import Caller
from app.subscriptions.management.updates import ParsedSubscription, apply_patch, invalid_field, new_subscription
from app.subscriptions.output_schemas import (
    DeliveryList,
    DeliveryShape,
    Matched,
    NewSecret,
    NoticeList,
    PingResult,
    Place,
    SubscriptionList,
    SubscriptionShape,
)
from app.subscriptions.schemas import MAX_URL_LENGTH, DeliveriesQuery, PullQuery
from app.subscriptions.statements import Counts, count_deliveries, find_subscription
from app.subscriptions.tables import DeliveryStatus, Subscription
from app.subscriptions.transport.http_client import check
from app.subscriptions.transport.secret_cipher import SecretCipher
from app.subscriptions.transport.signing import new_secret
from app.subscriptions.transport.url_guard import TargetPolicy, TargetRefused
from app.subscriptions.transport.webhook_request import WebhookEndpoint

ABOVE_ALL_SEQUENCES = 2**62
CHECK_INTERVAL_S = 0.5  # how often a paused subscription is looked at for one who waits
NONE = Counts(0, 0)


@dataclass(frozen=True, slots=True)
class SubscriptionOperations:
    """Answers what callers ask of subscriptions; `changed` tells the worker of this process to look."""

    log: ChangeLog
    notifier: Notifier
    cipher: SecretCipher
    rules: TargetPolicy
    changed: Callable[[], None] = lambda: None
    new_id: IdSource = field(default_factory=IdSource)
    tested: set[UUID] = field(default_factory=set)

    async def create(self, wanted: ParsedSubscription, caller: Caller, reuse: IdempotentRequest | None) -> ResponseData:
        """Make a subscription; the secret of a push subscription is in the answer, this once."""
        asked = wanted.asked
        if (
            reuse is not None
            and (again := await transactions.find_repeated(self.log.db, reuse, caller.now)) is not None
        ):
            return self._unseal(again)
        if asked.push is not None:
            await self._check(asked.push.url)
        head = await self.log.head(primary=True)
        start = await self._start_position(asked.start, wanted.filter.params.timezone, head, "/start")
        secret = None if asked.push is None else new_secret()
        made = new_subscription(
            self.new_id(),
            caller.key.owner,
            wanted,
            cursor=start,
            secret=secret,
            cipher=self.cipher,
            now=caller.now,
        )
        answer = self._seal_created(made, secret, head)
        kept = await transactions.create(self.log.db, made, caller, answer, reuse)
        self.changed()
        return self._unseal(kept)

    def _unseal(self, kept: ResponseData) -> ResponseData:
        """The answer as the caller gets it; it was sealed where it holds a secret."""
        return replace(kept, body=kept.body if kept.body.startswith(b"{") else self.cipher.open(kept.body).encode())

    def _seal_created(self, made: Subscription, secret: str | None, head: Head) -> ResponseData:
        """The answer, sealed where it holds a secret, because it may be stored for repeats."""
        shown = SubscriptionShape.of(made, head, NONE).model_dump(mode="json")
        body = dump_json(shown if secret is None else {**shown, "secret": secret})
        headers = {
            "content-type": "application/json",
            "location": f"/v1/subscriptions/{made.id}",
            "etag": f'"{made.version}"',
            "cache-control": "no-store",
        }
        return ResponseData(201, body if secret is None else self.cipher.seal(body.decode()), headers)

    async def list(self, key: Key, limit: int, cursor: str | None) -> SubscriptionList:
        """A page of subscriptions."""
        page, following = await queries.list_subscriptions(self.log.db, key, limit, cursor)
        counts = await count_deliveries(self.log.db, [each.id for each in page])
        head = await self.log.head(primary=True)
        items = [SubscriptionShape.of(each, head, counts[each.id]) for each in page]
        return SubscriptionList(items=items, next=following)

    async def get(self, id: UUID, key: Key) -> SubscriptionShape:
        """One subscription."""
        return await self._serialize(await find_subscription(self.log.db, id, key))

    async def patch(self, id: UUID, patch: dict[str, Any], caller: Caller, if_match: IfMatch) -> SubscriptionShape:
        """Change the configuration, pause, or go on."""
        await find_subscription(self.log.db, id, caller.key)
        push = patch.get("push")
        url = push.get("url") if isinstance(push, dict) else None
        if isinstance(url, str) and len(url) <= MAX_URL_LENGTH:
            await self._check(url)
        decide = partial(apply_patch, patch=patch, cipher=self.cipher)
        after = await transactions.change(self.log.db, id, caller, "subscription.updated", decide, if_match=if_match)
        self.changed()
        return await self._serialize(after)

    async def delete(self, id: UUID, caller: Caller, if_match: IfMatch) -> None:
        """End a subscription."""
        await transactions.remove(self.log.db, id, caller, if_match=if_match)
        self.changed()

    async def seek(self, id: UUID, to: str, caller: Caller) -> Place:
        """Go on elsewhere: replay, skip, recover."""
        current = await find_subscription(self.log.db, id, caller.key)
        head = await self.log.head(primary=True)
        timezone = stored_filter(current.filter).timezone
        place = await self._start_position(to, timezone, head, "/to")
        after = await transactions.change(
            self.log.db, id, caller, "subscription.sought", partial(transactions.seek_to, to=place)
        )
        self.changed()
        return Place.of(after, head)

    async def pull(self, id: UUID, key: Key, asked: PullQuery) -> tuple[ChangePage, dict[str, Any]]:
        """What lies behind the committed cursor, waited for, and what is told with it; nothing while it is paused."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + asked.wait
        while True:
            current = await find_subscription(self.log.db, id, key)
            transactions.require_mode(current, "pull")
            head = await self.log.head()
            self.notifier.notice(head)
            left = max(0.0, deadline - clock())
            if current.status != "active":
                if not left or self.notifier.draining:
                    page = ChangePage([], current.cursor, more=False)
                    break
                await self.notifier.wait(ABOVE_ALL_SEQUENCES, min(left, CHECK_INTERVAL_S), head.epoch)
                continue
            head, page = await self._page(current, head, asked.limit, left)
            # What was found by another filter, or from another place, says nothing of what is asked for now.
            now = await find_subscription(self.log.db, id, key)
            if not left or (now.version, now.generation) == (current.version, current.generation):
                break
        place = Place.of(current, head)
        following = {"next": format_cursor(head.epoch, page.next), "has_more": page.more}
        return page, {**following, "committed": place.cursor, "lag": place.lag}

    async def _page(self, current: Subscription, head: Head, limit: int, wait: float) -> tuple[Head, ChangePage]:
        wanted = stored_filter(current.filter)
        try:
            return await wait_for_page(self.notifier, wanted, current.cursor, head, limit=limit, wait=wait)
        except CursorEpoch:  # the caller sent no cursor: the committed one holds in the new epoch
            head = await self.log.head()
            return await wait_for_page(self.notifier, wanted, current.cursor, head, limit=limit, wait=0)

    async def ack(self, id: UUID, cursor: str, caller: Caller) -> Place:
        """Advance the committed cursor; what lies behind it changes nothing, however far back."""
        current = await find_subscription(self.log.db, id, caller.key)
        transactions.require_mode(current, "pull")
        head = await self.log.head(primary=True)
        epoch, seq = parse_cursor(cursor)
        if epoch == head.epoch and seq <= current.cursor:
            return Place.of(current, head)
        # What was given out for a subscription that was passed by the trimming is taken back all the same.
        trimmed = epoch == head.epoch and seq < head.oldest
        upto = seq if trimmed else await self.log.position(cursor, head)
        return Place.of(await transactions.acknowledge(self.log.db, id, caller, upto), head)

    async def test(self, id: UUID, caller: Caller) -> PingResult:
        """Send one signed ping now; a good answer opens a pending subscription."""
        current = await find_subscription(self.log.db, id, caller.key)
        transactions.require_mode(current, "push")
        if id in self.tested:
            raise TooManyRequests("A test of this subscription is under way.", headers={"Retry-After": "1"})
        self.tested.add(id)
        try:
            attempt = await self._ping(current)
        finally:
            self.tested.discard(id)
        if attempt.error is None:
            decide = partial(transactions.apply_ping_result, pinged=current, attempt=attempt)
            await transactions.change(self.log.db, id, caller, "subscription.verified", decide)
            self.changed()
        return PingResult.model_validate(attempt)

    async def _ping(self, subscription: Subscription) -> Attempt:
        endpoint = WebhookEndpoint(subscription, self.cipher, self.rules)
        try:
            return await endpoint.ping(self.new_id(), await self.log.source(), utc_now())
        finally:
            await endpoint.close()

    async def rotate(self, id: UUID, overlap_s: int, caller: Caller) -> NewSecret:
        """Make a new secret, shown this once; both sign for a while."""
        secret, until = new_secret(), caller.now + timedelta(seconds=overlap_s)
        transactions.require_mode(await find_subscription(self.log.db, id, caller.key), "push")
        sealed = self.cipher.seal(secret)
        decide = partial(transactions.rotate, sealed=sealed, until=until)
        await transactions.change(self.log.db, id, caller, "subscription.secret-rotated", decide)
        self.changed()
        return NewSecret(secret=secret, previous_expires_at=until)

    async def deliveries(self, id: UUID, key: Key, asked: DeliveriesQuery) -> DeliveryList:
        """A page of a subscription's deliveries."""
        await find_subscription(self.log.db, id, key)
        since = transactions.BEGINNING if asked.since is None else instant_of(asked.since, "UTC")
        statuses = asked.status or list(get_args(DeliveryStatus))
        page, following = await queries.list_deliveries(
            self.log.db, id, statuses, since, limit=asked.limit, cursor=asked.cursor
        )
        return DeliveryList.model_validate({"items": page, "next": following})

    async def delivery(self, id: UUID | None, key: Key) -> DeliveryShape:
        """One delivery with its attempts."""
        return DeliveryShape.model_validate(await queries.find_delivery(self.log.db, id, key))

    async def retry(self, id: UUID, since: str | None, caller: Caller) -> Matched:
        """Send again what was given up."""
        with at_pointer("/since"):
            begin = None if since is None else read_instant(since, "UTC", "since")
        matched = await transactions.revive(self.log.db, id, caller, begin)
        self.changed()
        return Matched(matched=matched)

    async def retry_one(self, id: UUID | None, caller: Caller) -> Matched:
        """Send one delivery again."""
        found = await queries.find_delivery(self.log.db, id, caller.key)
        matched = await transactions.revive_one(self.log.db, found.id, caller)
        self.changed()
        return Matched(matched=matched)

    async def notices(self, after: int, limit: int) -> NoticeList:
        """What an operator should know, oldest first."""
        page, following = await queries.list_notices(self.log.db, after, limit)
        return NoticeList.model_validate({"items": page, "next": following})

    async def _serialize(self, subscription: Subscription) -> SubscriptionShape:
        counts = await count_deliveries(self.log.db, [subscription.id])
        return SubscriptionShape.of(subscription, await self.log.head(primary=True), counts[subscription.id])

    async def _check(self, url: str) -> None:
        """Refuse what the guard refuses, with the class of its reason."""
        try:
            await check(url, self.rules)
        except TargetRefused as refusal:
            raise invalid_field(refusal.code, refusal.detail, "/push/url") from None

    async def _start_position(self, named: str, timezone: str, head: Head, pointer: str) -> int:
        with at_pointer(pointer):
            return await read_start_position(self.log, head, named, timezone)


OperationsDep = Annotated[SubscriptionOperations, Depends(FromServices("subscriptions"))]


@contextmanager
def at_pointer(pointer: str) -> Iterator[None]:
    """A value that is refused as a parameter's came in a body."""
    try:
        yield
    except Invalid as refusal:
        errors = [replace(error, parameter=None, pointer=pointer) for error in refusal.errors]
        raise Invalid("The body was refused; see errors.", errors=errors) from None
