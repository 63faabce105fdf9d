"""`sitrep import`: the session of a person with a file, and what is said where something is wrong with it."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from conftest import client_of
from files_of_rows import GOOD, broken_files
from rich.console import Console

from app.cli.import_file import run_request
from app.cli.import_progress import bar
from app.datasets.ucdp_ged import COLUMNS
from app.imports.detection import identify
from app.imports.files import FileError, open_file
from app.imports.import_request import prepare_import
from app.imports.report import ImportReport
from app.imports.request import ImportOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from conftest import MakeApp
    from pytest_httpserver import HTTPServer

    from cli.conftest import Said

    Typed = Callable[..., Awaitable[Said]]
    Setting = Callable[[str, str], None]

WIDTH = 80
ROW = {
    "type_of_violence": "1",
    "conflict_new_id": "77",
    "dyad_name": "Government of Syria - Made-up Front",
    "side_a": "Government of Syria",
    "side_b": "Made-up Front",
    "source_office": "Agency One",
    "where_prec": "3",
    "where_coordinates": "Rami village",
    "latitude": "35.76",
    "longitude": "36.55",
    "country": "Syria",
    "country_id": "652",
    "date_prec": "1",
    "deaths_civilians": "1",
    "low": "1",
    "best": "1",
    "high": "1",
    "gwnoa": "652",
}
LAYOUT = """
kind = "attack"
system = "desk"
key = ["id"]
[columns]
day = "started_at"
place = "locations.0.name"
killed = "casualties.0.count"
[templates]
title = "Strike {id}"
[constants]
locations.0.role = "target"
casualties.0 = { measure = "killed", group = "civilian" }
sources.0.publisher = "Example Wire"
"""


@pytest.fixture
def database(database_url: str, setting: Setting) -> str:
    """The commands of the test use this database."""
    setting("database_url", database_url)
    return database_url


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the test, in which it runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ged(*changes: dict[str, str]) -> str:
    """A table in UCDP's layout, a row for each change of the usual one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for n, change in enumerate(changes):
        day = f"2031-01-{n % 28 + 1:02}"
        writer.writerow({**ROW, "id": str(1000 + n), "year": "2031", "date_start": day, "date_end": day, **change})
    return text.getvalue()


def lines_of(said: Said) -> list[str]:
    """What was printed; no line is wider than a terminal, unless it is a path, which nothing breaks."""
    lines = said.out.splitlines()
    assert [line for line in lines if len(line) > WIDTH and " " in line.strip()] == []
    return lines


def told(said: Said) -> list[dict[str, Any]]:
    """The lines of JSON on stderr, one after each batch."""
    return [json.loads(line) for line in said.err.splitlines()]


async def count_events(make_app: MakeApp, query: str = "") -> int:
    """How many events the database has."""
    app = await make_app(anonymous_read=True)
    async with client_of(app) as client:
        return int((await client.get(f"/v1/events/count?{query}")).json()["count"])


async def test_the_session_with_a_file(database: str, typed: Typed, make_app: MakeApp, tmp_path: Path) -> None:
    path, rejects = tmp_path / "named.badly", tmp_path / "rejects.csv"
    wrong = {"low": "5", "best": "1"}
    path.write_text(ged({}, {}, wrong, {}, {"best": "many"}, {"country": "Iraq", "country_id": "645"}, wrong))

    dry = await typed("import", str(path))
    assert dry.status == 1
    assert lines_of(dry) == [
        "UCDP Georeferenced Event Dataset 24.1 to 26.1 (49 columns): 7 rows, 2031-01-01",
        "  to 2031-01-07, 2 countries.",
        "  4 ready   2 break a rule   1 unreadable   0 known already (system ucdp-ged)",
        "  order   2  low <= best <= high does not hold.                       lines 4, 8",
        "  number  1  The column best has no whole number. Write digits only,      line 6",
        "             such as 810, or leave the cell empty.",
        "Whether known records are gone from the file was not looked at, as rows of it",
        "  could not be read.",
        "Nothing was written. Add --write; with --lenient the 2 go in and carry a flag.",
    ]
    assert [(each["rows"], each["of"], each["refused"]) for each in told(dry)][-1:] == [(7, 7, 3)]
    assert await count_events(make_app) == 0

    strict = await typed("import", "ucdp_ged", str(path), "--write", "--limit", "2")
    first, span, *_, last = lines_of(strict)
    assert (strict.status, first) == (0, "2 created, 0 updated, 0 unchanged.")
    assert span == "   e1-000000000001 to e1-000000000002"
    assert last == "Import 1. To take it back: sitrep import --undo 1"
    lenient = await typed("import", str(path), "--write", "--lenient", "--rejects", str(rejects))
    assert lenient.status == 1
    assert lines_of(lenient)[0] == "4 created, 0 updated, 2 unchanged, 2 of them with a flag."
    assert await count_events(make_app) == 6
    assert await count_events(make_app, "country=IQ") == 1
    [refused] = list(csv.DictReader(io.StringIO(rejects.read_text(encoding="utf-8"))))
    assert (refused["line"], refused["column"], refused["value"], refused["code"]) == ("6", "best", "many", "number")
    assert refused["remedy"].endswith(".")
    assert json.loads(refused["row"])["id"] == "1004"

    again = await typed("import", str(path), "--write", "--lenient")
    assert lines_of(again)[0].startswith("0 created, 0 updated, 6 unchanged, 2 of them with a flag.")
    corrected = tmp_path / "later.csv"
    corrected.write_text(ged({"best": "2", "high": "2"}, {}, {}))
    later = await typed("import", str(corrected), "--write")
    assert (later.status, lines_of(later)[:2]) == (
        0,
        ["0 created, 2 updated, 1 unchanged, 3 are gone from the file (kept;", "  --tombstone-missing deletes them)."],
    )
    number = re.findall(r"--undo (\d+)", later.out)[0]
    undone = await typed("import", "--undo", number)
    assert (undone.status, lines_of(undone)) == (
        0,
        [f"Import {number} is taken back: 0 deleted, 2 as before, 0 restored."],
    )


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_broken_file_ends_in_one_sentence_and_stores_nothing_by_half(
    database: str, typed: Typed, make_app: MakeApp, tmp_path: Path
) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text(LAYOUT)
    path, rejects = tmp_path / "table", tmp_path / "rejects.ndjson"
    faults: list[Any] = []
    for case in broken_files():
        if case.codes and case.name.startswith(("line", "huge text", "last line", "number in", "half a", "deep")):
            continue  # of JSON, in which the layout finds other values
        if isinstance(case.content, bytes):
            path.write_bytes(case.content)
        else:
            case.content(path)
        said = await typed("import", "--map", str(layout), str(path), "--write", "--rejects", str(rejects))
        if case.codes:
            codes = tuple(json.loads(line)["code"] for line in rejects.read_text().splitlines())
            if (said.status, codes) != (1, case.codes) or "Traceback" in said.err:
                faults.append((case.name, said, codes))
        elif said.status != 2 or said.out or said.err.count("\n") != 1 or not said.err.startswith("sitrep: "):
            faults.append((case.name, said))
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            path.rmdir()
    assert not faults, "\n".join(map(str, faults))
    assert await count_events(make_app) == len(GOOD.splitlines()[1:]) + 1  # "b3" beside two lone quotes


SENTENCES = {
    "id,name\n1,a\n": "The columns are of no dataset; the nearest is ",
    '{"status":401,"error":"no"}\n': "The first row (status and error) is the header of no dataset: `sitrep datasets`",
    f"{','.join(COLUMNS[:20])}\n{'1,' * 19}1": "The columns are of no dataset; the nearest is UCDP Georeferenced Event",
    "one,two\n1,a\n": "The first row (one and two) is the header of no dataset: `sitrep datasets` shows what they",
    "<html>\n": "The file is a web page (HTML), not a table or JSON",
}


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_file_that_is_none_of_a_dataset_is_told_in_a_sentence(
    database: str, typed: Typed, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    for text, says in SENTENCES.items():
        path.write_text(text)
        said = await typed("import", str(path))
        assert (said.status, said.out) == (2, "")
        assert said.err.startswith(f"sitrep: {says}")
        assert said.err.count("\n") == 1
    path.write_text(ged({}).replace("best", "worst"))
    said = await typed("import", "ucdp_ged", str(path))
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "it lacks best." in said.err
    for wrong in (
        "# exported\n" + ged({}, {}, {}),
        ged({}).replace("best", "worst"),
        ged({}, {}).replace("relid", "id"),
    ):
        path.write_text(wrong)  # that row is no event of the layout without a header
        said = await typed("import", str(path), "--write")
        assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    said = await typed("import", "ucdp_gde", str(path))
    assert (said.status, said.err) == (2, "sitrep: There is no dataset ucdp_gde; did you mean ucdp_ged.\n")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_the_order_of_day_and_month_is_asked_for_where_both_would_do(
    database: str, typed: Typed, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(ged({"date_start": "02/01/2031", "date_end": "03/01/2031"}))
    said = await typed("import", str(path))
    assert (said.status, said.out) == (2, "")
    assert "(02/01/2031, 03/01/2031): say --date-order day-first or" in said.err
    for order, span in (("day-first", "2031-01-02 to 2031-01-03"), ("month-first", "2031-02-01 to 2031-03-01")):
        said = await typed("import", str(path), "--date-order", order)
        assert (said.status, span in " ".join(said.out.split())) == (0, True)
    path.write_text(ged({"date_start": "02/01/2031", "date_end": "13/01/2031"}))
    assert "2031-01-02 to 2031-01-13" in " ".join((await typed("import", str(path))).out.split())
    path.write_text(ged({"date_start": "01/13/2031", "date_end": "13/01/2031"}))
    said = await typed("import", str(path))
    assert (said.status, "of two orders (13/01/2031 in line 2, 01/13/2031 in line 2)" in said.err) == (2, True)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_file_comes_by_an_address(
    database: str, typed: Typed, make_app: MakeApp, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/old").respond_with_data("", 302, {"location": httpserver.url_for("/ged.csv")})
    httpserver.expect_request("/ged.csv").respond_with_data(ged({}, {}))
    httpserver.expect_request("/gone").respond_with_data("<html>", 404)
    said = await typed("import", httpserver.url_for("/old"), "--write")
    assert (said.status, await count_events(make_app)) == (0, 2)
    said = await typed("import", httpserver.url_for("/gone?key=secret"))
    assert (said.status, said.err) == (2, "sitrep: localhost answered 404 NOT FOUND, not the file.\n")
    httpserver.stop()
    for address in (httpserver.url_for("/ged.csv"), "ftp://localhost/x", "http://[/x"):
        said = await typed("import", address)
        assert (said.status, said.err.count("\n"), said.err[:8]) == (2, 1, "sitrep: ")


async def test_events_are_shown_as_they_would_be_without_a_database(
    typed: Typed, setting: Setting, tmp_path: Path
) -> None:
    setting("database_url", "sqlite:////nowhere/at/all.db")
    path = tmp_path / "table.csv"
    path.write_text(ged({}, {"low": "5"}, {}))
    said = await typed("import", str(path), "--preview", "1")
    event = json.loads(said.out)
    assert (said.status, said.err) == (0, "")
    assert event["external_ids"] == [{"system": "ucdp-ged", "id": "1000"}]
    assert event["casualties"][0]["count"]["best"] == 1
    said = await typed("import", str(path), "--preview", "9")
    assert (said.status, said.out.count('"kind": ')) == (1, 3)
    assert "line 3: /casualties/0/count low <= best <= high does not hold." in said.err
    assert "bounds-order" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("ucdp_ged a.csv b.csv", "give one file, and before it at most one dataset or --map."),
        ("ucdp_ged table.csv --map layout.toml", "give one file, and before it at most one dataset or --map."),
        ("table.csv --undo 3", "it takes the number of an import and no file."),
        ("table.csv --rejects table.csv", "that is the file to be imported."),
        ("table.csv --rejects rejects.txt", "rejects.txt ends neither in .csv nor in .ndjson."),
        ("table.csv --rejects nowhere/rejects.csv", "nowhere/rejects.csv: No such file or directory."),
        ("table.csv --map none.toml", "none.toml"),
        ("table.csv --limit 0", "Invalid value for '--limit'"),
        ("table.csv --date-order any", "'any' is not one of 'day-first', 'month-first'."),
        ("--undo 3", "There is no import 3."),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_mistake_is_told(arguments: str, says: str, database: str, typed: Typed, in_tmp_path: Path) -> None:
    (in_tmp_path / "table.csv").write_text(ged({}))
    said = await typed("import", *arguments.split())
    assert (said.status in {1, 2}, said.out, said.err.count("\n")) == (True, "", 1)
    assert says in said.err


async def test_without_a_file_it_explains_itself(typed: Typed) -> None:
    said = await typed("import")
    assert (said.status, said.err) == (2, "")
    assert "sitrep import ged251.csv --write" in said.out


def test_a_terminal_is_shown_a_bar() -> None:
    screen = io.StringIO()
    with bar(2000, Console(file=screen, force_terminal=True, width=WIDTH)) as tell:
        tell(ImportReport("ucdp_ged", dry_run=True, rows=1000))
        tell(ImportReport("ucdp_ged", dry_run=True, rows=2000))
    assert "2,000/2,000" in screen.getvalue()
    assert "rows/s" in screen.getvalue()


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_was_stored_before_a_file_broke_stands(database: str, make_app: MakeApp, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(ged(*[{}] * 2050))
    with open_file(path) as opened, path.open("a") as still_written:
        request = prepare_import(opened, identify(opened), by="desk", options=ImportOptions(write=True))
        with pytest.raises(FileError) as refusal:
            await run_request(request, lambda _report: print("2,050 more", file=still_written, flush=True))
    assert str(refusal.value).splitlines() == [
        "table.csv changed while it was read: import it again when it is complete.",
        "The 2,000 rows before that stand. To take them back: sitrep import --undo 1",
    ]
    assert await count_events(make_app) == 2000
