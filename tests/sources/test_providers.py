"""Each type of source gives the right files in order, by its publisher's protocol and against its known traps."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from publisher import Asked, Fault, Publisher, fetching, publishing

from app.datasets import datasets
from app.sources.config import Source
from app.sources.failures import FetchFailed
from app.sources.providers import Provider, SourceFile, providers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 3, 10, 12, 2, tzinfo=UTC)


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as opened:
        yield opened


class Run:
    """A source of one type, its progress, and the clock."""

    def __init__(self, publisher: Publisher, folder: Path, sort: str, path: str, **fields: Any) -> None:
        self.now = NOW
        self.progress: Any = {}
        self.publisher, self.folder = publisher, folder
        source = Source.model_validate(
            {"name": "s", "type": sort, "url": publisher.url + path, "every": "1d", "options": {"map": "x"}, **fields}
        )
        self.provider: Provider = providers()[sort](source, lambda: self.now)

    async def files(self) -> list[tuple[str, bytes | None]]:
        """What a run gives: version and content of each file; each is imported, and the progress stored as JSON."""
        found: list[SourceFile] = []
        told: list[tuple[str, bytes | None]] = []
        self.publisher.asked.clear()
        self.provider.notes.clear()
        async with fetching(self.publisher, self.folder) as fetcher:
            async for file in self.provider.files(self.progress, fetcher):
                self.progress = orjson.loads(orjson.dumps(file.progress))
                if file.path is None and self.provider.always_has_news:
                    continue
                found.append(file)
                told.append((file.version, file.path.read_bytes() if file.path else None))
        self.last = found[-1] if found else None
        return told


def test_every_type_is_found_by_its_name() -> None:
    assert sorted(providers()) == ["acled_api", "gdelt", "opensanctions", "plain", "ucdp_api"]


async def test_a_plain_file_comes_when_it_has_changed_and_never_goes_back(publisher: Publisher, tmp_path: Path) -> None:
    run = Run(publisher, tmp_path, "plain", "/f.csv")
    publisher.files["/f.csv"], publisher.dates["/f.csv"] = b"one", "Mon, 09 Mar 2026 10:00:00 GMT"
    assert await run.files() == [("2026-03-09T10:00:00Z", b"one")]
    assert await run.files() == []

    publisher.files["/f.csv"], publisher.dates["/f.csv"] = b"two", "Tue, 10 Mar 2026 10:00:00 GMT"
    assert await run.files() == [("2026-03-10T10:00:00Z", b"two")]
    publisher.files["/f.csv"], publisher.dates["/f.csv"] = b"one", "Mon, 09 Mar 2026 10:00:00 GMT"
    assert await run.files() == []
    assert "older than that of Tue, 10 Mar 2026" in run.provider.notes[0]

    publisher.without_validators = True
    publisher.dates.clear()
    publisher.files["/f.csv"] = b"two"
    assert [content for _, content in await run.files()] == [None]
    publisher.files["/f.csv"] = b"three"
    assert [content for _, content in await run.files()] == [b"three"]

    (tmp_path / "local.csv").write_text("mine")
    local = Run(publisher, tmp_path, "plain", "", url=f"file://{tmp_path}/local.csv")
    assert [content for _, content in await local.files()] == [b"mine"]
    assert [content for _, content in await local.files()] == [None]
    (tmp_path / "local.csv").unlink()
    with pytest.raises(FetchFailed, match=r"local.csv cannot be read: No such file or directory"):
        await local.files()


GDELT_ROW = dict.fromkeys(datasets()["gdelt"].layouts[1].columns, "") | {
    "SQLDATE": "20260310",
    "Actor1Name": "RUSSIAN ARMY",
    "Actor1CountryCode": "RUS",
    "Actor2Name": "UKRAINE",
    "Actor2CountryCode": "UKR",
    "EventCode": "195",
    "EventBaseCode": "195",
    "EventRootCode": "19",
    "QuadClass": "4",
    "GoldsteinScale": "-10.0",
    "ActionGeo_Type": "4",
    "ActionGeo_CountryCode": "UP",
    "ActionGeo_Lat": "50.4333",
    "ActionGeo_Long": "30.5167",
    "DATEADDED": "20260310101500",
    "SOURCEURL": "https://www.example.org/raid",
}


def gdelt_row(id: int, **fields: str) -> str:
    """A line of a file of events; each id is an event of its own."""
    return "\t".join({**GDELT_ROW, "GLOBALEVENTID": str(id), "Actor2Name": f"TOWN {id}", **fields}.values()) + "\n"


class Gdelt:
    """The files of GDELT's folder, with the lists that name them."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.lines: list[str] = []

    def publish(self, at: datetime, content: str | bytes, *, listed: bool = True, last: bool = True) -> None:
        """Publish a file; the real lists name it by http, and beside two others."""
        stamp = at.strftime("%Y%m%d%H%M%S")
        body = content.encode() if isinstance(content, str) else content
        lines = []
        for name, data in ((f"{stamp}.export.CSV.zip", body), (f"{stamp}.mentions.CSV.zip", b"m")):
            self.publisher.files[f"/v2/{name}"] = data
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            lines.append(f"{len(data)} {md5} http://data.example/v2/{name}\n")
        self.lines += lines * listed
        self.publisher.files["/v2/masterfilelist.txt"] = "".join(self.lines).encode()
        if last:
            self.publisher.files["/v2/lastupdate.txt"] = "".join(lines).encode()


async def test_gdelt_brings_each_file_once_and_catches_up(publisher: Publisher, tmp_path: Path) -> None:
    run, gdelt = Run(publisher, tmp_path, "gdelt", "/v2/lastupdate.txt"), Gdelt(publisher)
    begin = datetime(2026, 3, 10, tzinfo=UTC)
    times = [begin + n * timedelta(minutes=15) for n in range(150)]
    versions = [time.strftime("%Y%m%d%H%M%S") for time in times]
    for n in range(3):
        gdelt.publish(times[n], f"{n}")
    assert await run.files() == [(versions[2], b"2")]
    assert await run.files() == []
    assert publisher.paths() == ["/v2/lastupdate.txt"]

    for n in (3, 4, 5):
        gdelt.publish(times[n], f"{n}")
    assert await run.files() == [(versions[n], b"%d" % n) for n in (3, 4, 5)]
    gdelt.publish(times[5], "5, corrected")
    assert await run.files() == [(versions[5], b"5, corrected")]
    gdelt.publish(times[1], "1", listed=False)  # an old list again
    assert await run.files() == []

    # One that was corrected later is in the master list alone, which is read every six hours.
    gdelt.publish(times[4], "4, corrected", last=False)
    assert await run.files() == []
    run.now += timedelta(hours=6)
    assert [content for _, content in await run.files()] == [b"4, corrected"]
    assert await run.files() == []
    assert publisher.paths() == ["/v2/lastupdate.txt"]

    # A file that comes late is caught up; one that is listed and missing does not stand in the way of others.
    gdelt.publish(times[7], "7")
    assert await run.files() == [(versions[7], b"7")]
    gdelt.publish(times[6], "6", last=False)
    gdelt.publish(times[8], "8", last=False)
    del publisher.files[f"/v2/{versions[8]}.export.CSV.zip"]
    gdelt.publish(times[9], "9")
    assert [content for _, content in await run.files()] == [b"6", b"9"]
    assert run.provider.notes == [f"{versions[8]}.export.CSV.zip is listed, but is not there."]

    # An outage of days: the end of the master list is enough, a server without ranges sends all of it.
    for n in range(10, 130):
        gdelt.publish(times[n], f"{n}")
    publisher.without_ranges = True
    assert [content for _, content in await run.files()] == [b"%d" % n for n in range(10, 130)]
    assert len(run.progress["taken"]) == 96
    publisher.without_ranges = False
    gdelt.publish(times[131], "131")
    assert [content for _, content in await run.files()] == [b"131"]
    assert publisher.asked[1].headers["range"].startswith("bytes=-")

    # A wrong checksum is tried again, and then told; nothing is passed over.
    gdelt.publish(times[130], "130", last=False)
    gdelt.publish(times[132], "132")
    publisher.faults[f"/v2/{versions[130]}.export.CSV.zip"] = [Fault(body=b"xyz"), Fault(body=b"xyz")]
    with pytest.raises(FetchFailed, match="MD5 checksum"):
        await run.files()
    assert [content for _, content in await run.files()] == [b"130", b"132"]

    late = Run(
        publisher, tmp_path, "gdelt", "/v2/lastupdate.txt", options={"map": "x", "since": "2026-03-11T07:00:00Z"}
    )
    publisher.files["/v2/masterfilelist.txt"] = b"x" * 10_000_000 + b"\n" + "".join(gdelt.lines).encode()
    assert [content for _, content in await late.files()] == [b"%d" % n for n in range(124, 133)]


async def test_ucdp_reads_all_pages_of_a_release(publisher: Publisher, tmp_path: Path) -> None:
    rows = {"26.1": [{"id": n} for n in range(2500)], "26.0.1": [{"id": 9001}], "26.0.2": [{"id": 9002}]}

    def page(asked: Asked) -> Any:
        if asked.headers.get("x-ucdp-access-token") != "t0ken":
            return 401, {}
        found, size, n = rows[asked.path.rpartition("/")[2]], int(asked.query["pagesize"]), int(asked.query["page"])
        pages = -(-len(found) // size)
        return {"TotalCount": len(found), "TotalPages": pages, "Result": found[n * size : (n + 1) * size]}

    publisher.files = {f"/api/gedevents/{release}": page for release in rows}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UCDP_TOKEN", "t0ken")
        run = Run(publisher, tmp_path, "ucdp_api", "/api/gedevents/26.1?Country=369")
        with pytest.raises(FetchFailed, match="401: the key or password is not accepted"):
            await run.files()
    for request in publisher.asked:
        assert request.query == {"Country": "369", "pagesize": "1000", "page": "0"}
    publisher.files = {path: lambda asked: page(with_token(asked)) for path in publisher.files}
    [(version, content)] = await run.files()
    assert (version, content) == ("26.1", b"".join(orjson.dumps(row) + b"\n" for row in rows["26.1"]))
    assert await run.files() == []
    rows["26.1"][7] = {"id": 7, "best": 3}
    assert [version for version, _ in await run.files()] == ["26.1"]
    publisher.files["/api/gedevents/26.1"] = lambda _: {"TotalCount": 5, "TotalPages": 1, "Result": [{"id": 1}]}
    with pytest.raises(FetchFailed, match="announced 5 rows and gave 1"):
        await run.files()

    monthly = Run(publisher, tmp_path, "ucdp_api", "/api/gedevents", options={"map": "x", "candidates": True})
    assert await monthly.files() == [("26.0.1", b'{"id":9001}\n'), ("26.0.2", b'{"id":9002}\n')]
    assert publisher.paths()[0] == "/api/gedevents/25.0.4"
    rows["26.0.2"].append({"id": 9003})
    assert [version for version, _ in await monthly.files()] == ["26.0.2"]


def with_token(asked: Asked) -> Asked:
    return Asked(asked.method, asked.path, asked.query, {**asked.headers, "x-ucdp-access-token": "t0ken"}, asked.form)


async def test_acled_logs_in_refreshes_and_asks_for_what_is_new(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"event_id_cnty": f"UKR{n}", "timestamp": 1000 + n // 4000} for n in range(6000)]
    good: set[str] = set()
    grants: list[str] = []

    def token(asked: Asked) -> Any:
        grant = asked.form["grant_type"]
        grants.append(grant)
        is_known = (
            asked.form.get("password") == "s3cret" if grant == "password" else asked.form["refresh_token"] in good
        )
        if not is_known or asked.form["client_id"] != "acled":
            return 401, {"error": "invalid_grant"}
        good.clear()
        good.update({f"a{len(grants)}", f"r{len(grants)}"})
        return {"access_token": f"a{len(grants)}", "refresh_token": f"r{len(grants)}", "expires_in": 86400}

    def read(asked: Asked) -> Any:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in good:
            return 401, {}
        assert (asked.query["country"], asked.query["_format"]) == ("Ukraine", "json")
        since, n, size = int(asked.query.get("timestamp", "0")), int(asked.query["page"]), int(asked.query["limit"])
        found = [row for row in rows if int(str(row["timestamp"])) >= since][(n - 1) * size : n * size]
        return {"status": 200, "success": True, "count": len(found), "data": found}

    deleted: list[dict[str, Any]] = []

    def read_deleted(asked: Asked) -> Any:
        since = int(asked.query["deleted_timestamp"])
        found = [row for row in deleted if row["deleted_timestamp"] >= since]
        return {"status": 200, "success": True, "count": len(found), "data": found}

    publisher.files = {"/oauth/token": token, "/api/acled/read": read, "/api/deleted/read": read_deleted}
    monkeypatch.setenv("ACLED_PASSWORD", "s3cret")
    oauth = {"token_url": f"{publisher.url}/oauth/token", "username": "me@example.org", "password": "${ACLED_PASSWORD}"}
    run = Run(publisher, tmp_path, "acled_api", "/api/acled/read?country=Ukraine", oauth=oauth)
    [(version, content)] = await run.files()
    assert (version, content and content.count(b"\n")) == ("1001", 6000)
    assert run.progress["timestamp"] == 1001

    [(_, content)] = await run.files()  # those of the last second again, once
    assert content is not None
    assert content.count(b"\n") == 2000
    assert await run.files() == []
    rows.append({"event_id_cnty": "UKR0", "timestamp": 1002})
    [(version, content)] = await run.files()
    assert (version, content and content.count(b"\n")) == ("1002", 2001)
    assert grants == ["password"]

    later = int(NOW.timestamp()) + 60
    deleted += [
        {"event_id_cnty": "UKR9", "deleted_timestamp": 5},
        {"event_id_cnty": "UKR7", "deleted_timestamp": later},
    ]
    [(_, again), (_, content)] = await run.files()
    assert again == orjson.dumps(rows[-1]) + b"\n"
    assert content == orjson.dumps(deleted[1]) + b"\n"
    assert await run.files() == []

    run.now += timedelta(hours=25)
    await run.files()
    assert grants == ["password", "refresh_token"]
    good.discard("a2")  # taken back before its time
    await run.files()
    assert grants == ["password", "refresh_token", "refresh_token"]
    good.clear()
    await run.files()
    assert grants == ["password", "refresh_token", "refresh_token", "refresh_token", "password"]
    publisher.files["/api/acled/read"] = lambda _: {"status": 403, "success": False, "message": "Accept the terms."}
    with pytest.raises(FetchFailed, match="than a page of ACLED's API: Accept the terms"):
        await run.files()
    monkeypatch.setenv("ACLED_PASSWORD", "wrong")
    fresh = Run(publisher, tmp_path, "acled_api", "/api/acled/read?country=Ukraine", oauth=oauth)
    with pytest.raises(FetchFailed, match="/oauth/token answered 401"):
        await fresh.files()


async def test_opensanctions_takes_deltas_where_they_lead_and_the_whole_file_once_a_day(
    publisher: Publisher, tmp_path: Path
) -> None:
    run = Run(publisher, tmp_path, "opensanctions", "/datasets/latest/s/index.json")
    deltas: dict[str, str] = {}

    def publish(version: str, *, delta: bool = True) -> None:
        whole = f"whole {version}".encode()
        path = f"/datasets/{version}/s/entities.ftm.json"
        publisher.files[path] = whole
        sha1 = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        resource = {"name": "entities.ftm.json", "url": publisher.url + path, "checksum": sha1}
        publisher.files["/datasets/latest/s/index.json"] = orjson.dumps(
            {"version": version, "resources": [{"name": "x", "url": "y"}, resource], "delta_url": "/delta.json"}
        )
        if delta:
            deltas[version] = f"{publisher.url}/{version}.delta.json"
            publisher.files[f"/{version}.delta.json"] = f"delta {version}".encode()
        publisher.files["/delta.json"] = orjson.dumps({"versions": deltas})

    publish("20260310-a")
    assert await run.files() == [("20260310-a", b"whole 20260310-a")]
    assert run.last is not None
    assert (run.last.tombstone_missing, run.last.path and run.last.path.name) == (True, "entities.ftm.ndjson")
    assert await run.files() == []
    publish("20260310-b")
    publish("20260310-c")
    assert await run.files() == [("20260310-b", b"delta 20260310-b"), ("20260310-c", b"delta 20260310-c")]
    assert not run.last.tombstone_missing

    # The day is over: the whole file reconciles, although the version that is in is the newest.
    run.now += timedelta(hours=24)
    assert await run.files() == [("20260310-c", b"whole 20260310-c")]
    run.now += timedelta(hours=24)
    assert await run.files() == []

    # An index of deltas that stopped; a release without one; a delta that is gone; a window that begins too late.
    run.now = NOW
    run.progress["full_at"] = NOW.isoformat()
    publish("20260311-d", delta=False)
    assert await run.files() == [("20260311-d", b"whole 20260311-d")]
    assert run.provider.notes == [
        "The deltas end at 20260310-c, the data set is at 20260311-d; the whole file was taken."
    ]
    publish("20260311-e")
    assert await run.files() == [("20260311-e", b"delta 20260311-e")]
    publish("20260311-f")
    publish("20260311-g")
    del publisher.files["/20260311-g.delta.json"]
    assert await run.files() == [("20260311-f", b"delta 20260311-f"), ("20260311-g", b"whole 20260311-g")]
    deltas.clear()
    publish("20260312-h")
    assert await run.files() == [("20260312-h", b"whole 20260312-h")]
    assert "The deltas begin after 20260311-g" in run.provider.notes[0]

    publish("20260311-e")
    assert await run.files() == []
    assert "older than 20260312-h" in run.provider.notes[0]
    publish("20260313-i", delta=False)
    publisher.faults["/datasets/20260313-i/s/entities.ftm.json"] = [Fault(body=b"?"), Fault(body=b"?")]
    with pytest.raises(FetchFailed, match="SHA1 checksum"):
        await run.files()
    publisher.files["/datasets/latest/s/index.json"] = b"<html>"
    with pytest.raises(FetchFailed, match="did not answer in JSON"):
        await run.files()
