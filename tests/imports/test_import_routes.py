"""Imports over HTTP: files in, what became of them, and back out."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from calls import faults, good, problem
from conftest import client_of
from made_up import MadeUp, Rows, many

from app.auth.keys import create_key
from app.datasets import datasets
from app.imports import routes

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.db import Database

COLUMNS = ("key", "day", "place", "low", "best", "high", "op")


class MadeUpTable(MadeUp):
    """The made-up attacks as a table, whose cells are texts."""

    def convert(self, row: Any) -> Any:
        """Read the numbers."""
        values = {name: int(cell) if str(cell).isdigit() else cell for name, cell in row.values.items()}
        return super().convert(row._replace(values={**values, "key": str(values["key"])}))


def table(rows: Rows) -> bytes:
    """The rows as CSV."""
    lines = [COLUMNS, *([str(row.get(name, "")) for name in COLUMNS] for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines).encode()


@pytest.fixture(autouse=True)
def _made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know the made-up dataset."""
    monkeypatch.setattr(routes, "datasets", lambda: {**datasets(), "made_up": MadeUpTable()})


async def test_files_go_in_are_listed_and_taken_back(api: httpx.AsyncClient) -> None:
    file = table(many(100))
    dry = good(await api.post("/v1/imports/made_up?dry_run=true", content=file))
    assert good(await api.get("/v1/imports")) == {"items": [], "next": None}
    answer = await api.post("/v1/imports/made_up", content=file)
    report = good(answer)
    assert {**dry, "cursor": 0, "cursor_from": 0, "id": 1, "dry_run": False} == {
        **report,
        "cursor": 0,
        "cursor_from": 0,
    }
    assert (report["created"], report["refused"], report["rows"]) == (91, 8, 104)
    assert answer.headers["feed-cursor"] == report["cursor"] == f"e1-{91:012}"

    form = {"file": ("a made up.csv.gz", gzip.compress(file), "application/gzip")}
    lenient = good(await api.post("/v1/imports/made_up?lenient=true", files=form))
    assert (lenient["created"], lenient["flagged"], lenient["unchanged"]) == (3, 3, 91)
    odd = bytes(range(256)) * 300
    for name, sent in (("odd.bin", odd), ("page.csv", b"<html><body>Sorry</body></html>")):
        refused = await api.post("/v1/imports/made_up", files={"file": (name, sent)})
        assert faults(refused) == [("", "file")]

    [newest, oldest] = good(await api.get("/v1/imports"))["items"]
    assert (newest["file_name"], newest["options"]["lenient"], newest["by"]) == ("a made up.csv.gz", True, "newsroom")
    assert [newest] == good(await api.get("/v1/imports?limit=1"))["items"]
    following = good(await api.get("/v1/imports?limit=1"))["next"]
    assert good(await api.get(f"/v1/imports?limit=1&cursor={following}")) == {"items": [oldest], "next": None}
    whole = good(await api.get("/v1/imports/1"))
    assert {name: whole[name] for name in oldest} == oldest
    assert {name: whole[name] for name in report if name != "dry_run"} == {
        name: value for name, value in report.items() if name != "dry_run"
    }

    for _ in range(2):
        undone = good(await api.post("/v1/imports/2/undo"))
        assert (undone["state"], undone["undo"]["deleted"], undone["undo"]["left"]) == ("undone", 3, 0)
    assert good(await api.get("/v1/events/count"))["count"] == 91
    for number in ("9", "x", "0"):
        assert (await api.post(f"/v1/imports/{number}/undo")).status_code == 404
        assert (await api.get(f"/v1/imports/{number}")).status_code == 404


async def test_who_may_import_what(app: FastAPI, db: Database, api: httpx.AsyncClient) -> None:
    _, key = await create_key(db, "desk", ["write"])
    async with client_of(app, key) as desk:
        problem(await desk.post("/v1/imports/sitrep", content=b"{}"), 403, "forbidden")
        assert good(await desk.post("/v1/imports/made_up", content=table(many(3))))["created"] == 3
    there = problem(await api.post("/v1/imports/nothing", content=b"a"), 404)["detail"]
    assert "ucdp_ged" in there
    assert faults(await api.post("/v1/imports/made_up")) == [("", "missing")]
    assert faults(await api.post("/v1/imports/made_up?limit=3", content=b"a")) == [("limit", "unknown-parameter")]
    two = [("a", ("a.csv", b"a")), ("b", ("b.csv", b"b"))]
    assert faults(await api.post("/v1/imports/made_up", files=two)) == [("", "file")]
    problem(await api.post("/v1/imports/made_up", content=b"a" * (16 * 1024 * 1024 + 1)), 413, "payload-too-large")
