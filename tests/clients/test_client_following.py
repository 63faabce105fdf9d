"""What the Python client follows and survives, and where it goes on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.auth.keys import create_key
from app.changes.epoch import raise_epoch
from app.feed.reader import MAX_SCANNED
from sitrep_client import ApiError, AsyncClient, CheckpointFile, CursorGone, InvalidUrl
from sitrep_client.filters import pairs
from sitrep_client.steps import pause_s, retry_after

if TYPE_CHECKING:
    from conftest import MakeEvent

    from app.db import Database
    from sitrep_client import FeedItem

PATIENCE_S = 120
EPOCH_1 = "e1-{:012d}"


async def write(api: httpx.AsyncClient, make_event: MakeEvent, count: int, **fields: Any) -> list[str]:
    """Events in one batch; their cursors."""
    items = [{"op": "create", "event": make_event(**fields)}] * count
    answer = await api.post("/v1/events/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    return [result["cursor"] for result in answer.json()["results"]]


def feed_of(http: httpx.AsyncClient, **options: Any) -> AsyncClient:
    """The client under test, of the server that a plain client calls."""
    return AsyncClient(str(http.base_url), http=http, **options)


async def take(feed: AsyncClient, count: int, **options: Any) -> list[str]:
    """The ids of the first items; the next is asked for and not awaited, so that the last is taken too."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.follow(**options)) as items:
        while len(found) < count:
            found.append((await anext(items))["id"])
        rest = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        rest.cancel()
        await asyncio.wait([rest])
    return found


def cursors_in(folder: Path) -> list[str]:
    """The files that are checkpoints, or were to become one."""
    return [each.name for each in folder.iterdir() if "cursor" in each.name]


async def note(feed: AsyncClient, found: list[str], **options: Any) -> None:
    """Follow to the bitter end."""
    async for item in feed.follow(**options):
        found.append(item["id"])  # noqa: PERF401 (what was found counts though it ends by an exception)


class Script:
    """A server that answers as written, one call after the other, and then refuses."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.pauses: list[float] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        answer = self.answers.pop(0) if self.answers else httpx.Response(403, json={"detail": "The end."})
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def seen(self, **options: Any) -> list[str]:
        """The ids of all items up to the refusal."""
        found: list[str] = []
        async with AsyncClient("http://sitrep.test/", http=self.client, sleep=self.sleep) as feed:
            with pytest.raises(ApiError, match="403: The end"):
                await note(feed, found, **options)
        return found


def page(*numbers: int, following: int | None = None, more: bool = False, epoch: int = 1) -> httpx.Response:
    """A page with these changes."""
    items = [{"id": EPOCH_1.format(n), "sequence": f"{n:012d}"} for n in numbers]
    end = max(numbers, default=0) if following is None else following
    return httpx.Response(200, json={"items": items, "next": f"e{epoch}-{end:012d}", "has_more": more})


class TestFollowing:
    async def test_every_change_comes_in_order_over_several_pages(
        self, server: httpx.AsyncClient, make_event: MakeEvent
    ) -> None:
        written = await write(server, make_event, 250)
        async with feed_of(server) as feed:
            assert await take(feed, 250) == written

    async def test_what_is_written_while_it_waits_comes_at_once(
        self, server: httpx.AsyncClient, make_event: MakeEvent
    ) -> None:
        first = await write(server, make_event, 1)
        async with feed_of(server) as feed, aclosing(feed.follow()) as items, asyncio.timeout(PATIENCE_S):
            assert (await anext(items))["id"] == first[0]
            waiting = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            [second] = await write(server, make_event, 1)
            assert (await waiting)["id"] == second

    async def test_an_item_is_the_feed_item_as_it_is(self, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
        await write(api, make_event, 1)
        async with feed_of(api) as feed, aclosing(feed.follow()) as items:
            item = await anext(items)
        assert [item] == (await api.get("/v1/feed")).json()["items"]
        assert item["data"]["id"] == item["subject"]

    async def test_it_makes_its_own_client_and_sends_its_key(
        self, server: httpx.AsyncClient, db: Database, make_event: MakeEvent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        [written] = await write(server, make_event, 1)
        _, key = await create_key(db, "reader", ["read"])
        async with AsyncClient(f"{server.base_url}/", key) as feed:
            assert await take(feed, 1) == [written]
        with pytest.raises(RuntimeError, match="closed"):
            await take(feed, 1)

    async def test_a_given_client_stays_open(self, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
        await write(api, make_event, 1)
        async with feed_of(api) as feed:
            await take(feed, 1)
        assert not api.is_closed

    async def test_the_filters_of_the_api_choose(self, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
        lviv = [{"name": "Lviv", "country": "UA", "lat": 49.84, "lon": 24.03, "role": "target"}]
        [kyiv] = await write(api, make_event, 1)
        [west] = await write(api, make_event, 1, locations=lviv, tags=["west"])
        [late] = await write(api, make_event, 1, started_at="2025-09-20T00:00:00+03:00", tags=["late"])
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"place": "Lviv"}, [west]),
            ({"place": ["Lviv", "Kyiv"]}, [kyiv, west, late]),
            ({"tag": ["late", "west"], "kind": "attack"}, [west, late]),
            ({"near": [50.45, 30.52], "radius_km": 30}, [kyiv, late]),
            ({"near": "50.45,30.52", "radius_km": 30.5}, [kyiv, late]),
            ({"bbox": (22, 48, 26, 51.5)}, [west]),
            ({"since": "2025-09-15", "timezone": "Europe/Kyiv"}, [late]),
            ({"until": "2025-09-15T00:00:00Z", "launched_min": 800}, [kyiv, west]),
        ]
        for filter, expected in cases:
            async with feed_of(api) as feed:
                assert await take(feed, len(expected), filter=filter) == expected, filter

    async def test_it_begins_where_it_is_told(self, api: httpx.AsyncClient, make_event: MakeEvent) -> None:
        written = await write(api, make_event, 3)
        async with feed_of(api) as feed:
            assert await take(feed, 1, after=written[1]) == [written[2]]
            assert await take(feed, 3, after="2020-01-01") == written

    async def test_it_goes_on_through_empty_pages_of_a_long_stretch_that_does_not_match(
        self, api: httpx.AsyncClient, make_event: MakeEvent
    ) -> None:
        for _ in range(MAX_SCANNED // 1000 + 1):
            await write(api, make_event, 1000, locations=[], actors=[], casualties=[], detail={})
        [rare] = await write(api, make_event, 1, tags=["rare"])
        first = (await api.get("/v1/feed?tag=rare")).json()
        assert (first["items"], first["has_more"]) == ([], True)
        async with feed_of(api) as feed:
            assert await take(feed, 1, filter={"tag": "rare"}) == [rare]

    async def test_now_is_pinned_to_a_cursor_before_it_waits(self) -> None:
        script = Script(page(following=7), httpx.ReadTimeout("cut"), page(8))
        assert await script.seen(after="now") == [EPOCH_1.format(8)]
        assert [(asked["after"], asked["wait"] == "0") for asked in script.asked] == [
            ("now", True),
            (EPOCH_1.format(7), False),
            (EPOCH_1.format(7), False),
            (EPOCH_1.format(8), False),
        ]


class TestCheckpoints:
    async def test_the_next_run_goes_on_exactly_where_the_last_one_left(
        self, api: httpx.AsyncClient, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        path = tmp_path / "feed.cursor"
        written = await write(api, make_event, 5)
        async with feed_of(api) as feed:
            assert await take(feed, 3, checkpoint=path) == written[:3]
        assert path.read_text() == f"{written[2]}\n"
        async with feed_of(api) as feed:
            assert await take(feed, 2, checkpoint=str(path), after="now") == written[3:]
        assert path.read_text() == f"{written[4]}\n"
        assert cursors_in(tmp_path) == ["feed.cursor"]

    async def test_an_item_whose_handling_raised_comes_again(
        self, api: httpx.AsyncClient, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        path = tmp_path / "feed.cursor"
        written = await write(api, make_event, 4)
        handled: list[str] = []

        def handle(item: FeedItem) -> None:
            if item["id"] == written[2] and item["id"] not in failed:
                failed.append(item["id"])
                raise ZeroDivisionError
            handled.append(item["id"])

        async def run() -> None:
            async with feed_of(api) as feed:
                async for item in feed.follow(checkpoint=path):
                    handle(item)
                    if len(handled) == len(written):
                        return

        failed: list[str] = []
        with pytest.raises(ZeroDivisionError):
            await run()
        assert path.read_text() == f"{written[1]}\n"
        await run()
        assert handled == written

    async def test_the_item_in_hand_when_the_loop_is_left_comes_again(
        self, api: httpx.AsyncClient, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        written = await write(api, make_event, 3)
        async with feed_of(api) as feed:
            for expected in ([*written[:2]], [written[1]]):
                seen = []
                async for item in feed.follow(checkpoint=tmp_path / "feed.cursor"):
                    seen.append(item["id"])
                    if item["id"] == written[1]:
                        break
                assert seen == expected

    async def test_a_program_killed_in_a_page_sees_that_page_again(
        self, api: httpx.AsyncClient, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        await write(api, make_event, 150)
        kept = CheckpointFile(tmp_path / "feed.cursor")
        async with feed_of(api) as feed, aclosing(feed.follow(checkpoint=kept)) as items:
            for _ in range(120):
                await anext(items)
            assert kept.load() == EPOCH_1.format(100)

    async def test_whatever_loads_and_saves_is_a_checkpoint(self) -> None:
        class Memory:
            def __init__(self) -> None:
                self.saved: list[str] = []

            def load(self) -> str | None:
                return EPOCH_1.format(1)

            def save(self, cursor: str) -> None:
                self.saved.append(cursor)

        memory = Memory()
        script = Script(page(2, 3, following=4), page(following=4), page(following=9, more=True))
        await script.seen(checkpoint=memory)
        assert script.asked[0]["after"] == EPOCH_1.format(1)
        assert memory.saved == [EPOCH_1.format(4), EPOCH_1.format(9)]

    async def test_a_position_has_the_epoch_of_now_where_the_items_are_older(
        self, api: httpx.AsyncClient, db: Database, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        written = await write(api, make_event, 3)
        await raise_epoch(db)
        async with feed_of(api) as feed:
            assert await take(feed, 2, checkpoint=tmp_path / "feed.cursor") == written[:2]
            assert await take(feed, 1, checkpoint=tmp_path / "feed.cursor") == written[2:]

    async def test_an_emptied_file_is_refused_rather_than_taken_for_a_first_run(
        self, api: httpx.AsyncClient, tmp_path: Path
    ) -> None:
        path = tmp_path / "feed.cursor"
        path.touch()
        async with feed_of(api) as feed:
            with pytest.raises(ApiError):
                await take(feed, 1, checkpoint=path, after="now")

    async def test_a_position_that_cannot_be_kept_is_told(self, tmp_path: Path) -> None:
        script = Script(page(1))
        async with AsyncClient("http://sitrep.test", http=script.client) as feed:
            with pytest.raises(FileNotFoundError):
                await take(feed, 2, checkpoint=tmp_path / "absent" / "feed.cursor")
            (tmp_path / "absent").mkdir()


class TestRefusals:
    async def test_a_bad_key_ends_it(self, client: httpx.AsyncClient) -> None:
        async with feed_of(client) as feed:
            with pytest.raises(ApiError) as caught:
                await take(feed, 1)
        assert caught.value.status == 401
        assert caught.value.problem["type"] == "/problems/unauthorized"
        assert not isinstance(caught.value, CursorGone)

    async def test_a_filter_that_is_not_one_is_told_with_its_fault(self, api: httpx.AsyncClient) -> None:
        async with feed_of(api) as feed:
            with pytest.raises(ApiError, match="422: ") as caught:
                await take(feed, 1, filter={"colour": "red"})
        assert caught.value.problem["errors"][0]["detail"] in str(caught.value)

    async def test_a_new_epoch_sends_the_reader_to_the_list_and_on_from_there(
        self, api: httpx.AsyncClient, db: Database, make_event: MakeEvent, tmp_path: Path
    ) -> None:
        path = tmp_path / "feed.cursor"
        await write(api, make_event, 2)
        async with feed_of(api) as feed:
            await take(feed, 2, checkpoint=path)
            await raise_epoch(db)
            with pytest.raises(CursorGone) as caught:
                await take(feed, 1, checkpoint=path)
            assert (caught.value.status, caught.value.oldest) == (410, "e2-000000000000")
            listed = (await api.get(caught.value.bootstrap)).json()
            CheckpointFile(path).save(listed["as_of"])
            written = await write(api, make_event, 1)
            assert await take(feed, 1, checkpoint=path) == written

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (httpx.Response(200, text="<p>Log in</p>"), "200: The answer does not say why."),
            (httpx.Response(200, json=[1]), "200: The answer does not say why."),
            (httpx.Response(302, headers={"location": "/"}), "302: The answer does not say why."),
            (httpx.Response(404, json={"title": "Not found"}), "404: Not found"),
            (httpx.Response(410, json={"type": "/problems/deleted", "detail": "Gone."}), "410: Gone."),
        ],
    )
    async def test_what_is_no_page_ends_it(self, answer: httpx.Response, said: str) -> None:
        script = Script(answer)
        async with AsyncClient("http://sitrep.test", http=script.client) as feed:
            with pytest.raises(ApiError) as caught:
                await take(feed, 1)
        assert str(caught.value) == said
        assert not isinstance(caught.value, CursorGone)

    async def test_a_fault_of_the_caller_is_not_tried_again(self, server: httpx.AsyncClient) -> None:
        with pytest.raises(InvalidUrl):
            AsyncClient("sitrep.test")
        async with AsyncClient(str(server.base_url), "sitrep_key\n", http=server) as feed:
            with pytest.raises(httpx.LocalProtocolError):
                await take(feed, 1)


class TestTryingAgain:
    async def test_every_passing_fault_is_outlived(self) -> None:
        faults: list[httpx.Response | Exception] = [
            *(httpx.Response(status) for status in (408, 429, 500, 502, 503, 504, 507)),
            httpx.ConnectError("refused"),
            httpx.ConnectTimeout("slow"),
            httpx.ReadTimeout("slow"),
            httpx.ReadError("reset"),
            httpx.RemoteProtocolError("cut"),
            httpx.DecodingError("cut"),
        ]
        script = Script(page(1), *faults, page(2), *faults, page(3))
        assert await script.seen() == [EPOCH_1.format(n) for n in (1, 2, 3)]
        assert {asked["after"] for asked in script.asked[1 : 2 + len(faults)]} == {EPOCH_1.format(1)}
        assert len(script.pauses) == 2 * len(faults)

    async def test_pauses_grow_and_begin_anew_after_an_answer(self) -> None:
        script = Script(*[httpx.Response(500)] * 12, page(1), httpx.Response(500), page(2))
        await script.seen()
        assert script.pauses[0] <= 0.5 < script.pauses[2] < script.pauses[4] < script.pauses[6] <= 30
        assert all(15 <= each <= 30 for each in script.pauses[6:12])
        assert script.pauses[12] <= 0.5

    async def test_the_server_says_how_long(self) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        script = Script(*(httpx.Response(429, headers={"retry-after": text}) for text in ("7", later, "0", "soon")))
        await script.seen()
        assert 7 <= script.pauses[0] <= 8
        assert 55 <= script.pauses[1] <= 61
        assert script.pauses[2] >= 0.5
        assert script.pauses[3] >= 1

    async def test_a_server_that_does_not_wait_is_not_asked_without_pause(self) -> None:
        script = Script(page(1), *[page(following=1)] * 5, page(2))
        assert await script.seen() == [EPOCH_1.format(1), EPOCH_1.format(2)]
        assert len(script.pauses) == 5
        assert all(0.25 <= each <= 0.5 for each in script.pauses)

    async def test_empty_pages_that_move_on_are_followed_without_pause(self) -> None:
        script = Script(*(page(following=n, more=True) for n in (10, 20, 30)), page(31))
        assert await script.seen() == [EPOCH_1.format(31)]
        assert script.pauses == []

    async def test_what_is_wrong_is_logged_without_the_key(self, caplog: pytest.LogCaptureFixture) -> None:
        script = Script(httpx.ConnectError("refused"), httpx.Response(503))
        await script.seen()
        assert [record.levelname for record in caplog.records if record.name == "sitrep_client"] == ["WARNING"] * 2
        assert "GET /v1/feed is away (ConnectError('refused')); trying again in " in caplog.text
        assert "(status 503)" in caplog.text


@pytest.mark.parametrize(
    ("attempt", "asked_s", "jitter", "seconds"),
    [
        (0, None, 0.0, 0.5),
        (0, None, 1.0, 0.25),
        (1, None, 0.0, 1.0),
        (5, None, 0.0, 16.0),
        (6, None, 0.0, 30.0),
        (6, None, 1.0, 15.0),
        (10**9, None, 0.0, 30.0),
        (0, 7.0, 0.0, 7.0),
        (0, 7.0, 1.0, 8.0),
        (6, 7.0, 0.0, 30.0),
        (3, 0.0, 0.0, 4.0),
        (0, 1e9, 0.0, 86_400.0),
    ],
)
def test_a_pause_doubles_to_half_a_minute_and_is_no_less_than_asked(
    attempt: int, asked_s: float | None, jitter: float, seconds: float
) -> None:
    assert pause_s(attempt, asked_s, jitter) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 5000, None),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    answer = httpx.Response(503, headers={} if text is None else {"retry-after": text})
    assert retry_after(answer, 1000.0) == seconds


def test_a_filter_is_written_as_the_api_reads_it() -> None:
    filter: dict[str, Any] = {
        "kind": ["a", "b"],
        "q": "x,y",
        "bbox": [1, 2.5, 3, 4],
        "near": "1,2",
        "tag": [],
        "country": None,
    }
    assert list(pairs(filter)) == [("kind", "a"), ("kind", "b"), ("q", "x,y"), ("bbox", "1,2.5,3,4"), ("near", "1,2")]
