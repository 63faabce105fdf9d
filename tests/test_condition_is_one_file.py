"""One more structured filter is one file: with it in the folder every way of reading has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.events.read.conditions import CONDITIONS, conditions_in

HERE = Path(__file__).parent
PATIENCE_S = 300
KYIV, TALLINN = "kyiv and lviv", "tallinn"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python with the app in that folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, timeout=PATIENCE_S, check=False
    )


def copy_of(app: Path, folder: Path) -> Path:
    """The app and one more condition."""
    shutil.copytree(app, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "conditions" / "north_of.py", folder / "app" / "events" / "read" / "conditions")
    return folder


def titles(answer: Any) -> list[str]:
    """The events of a list."""
    status, body = answer
    assert status == 200, body
    return [event["title"] for event in body["items"]]


def changes(answer: Any) -> list[tuple[str, str]]:
    """What became of which events in a page of the feed."""
    status, body = answer
    assert status == 200, body
    return [change_of(item) for item in body["items"]]


def change_of(item: dict[str, Any]) -> tuple[str, str]:
    return item["type"].rpartition(".")[2], item["data"].get("title", "")


def check_document(said: dict[str, Any]) -> None:
    """The document and the refusals know it too."""
    assert [(status, body["errors"][0]["parameter"], body["errors"][0]["code"]) for status, body in said["bad"]] == [
        (422, "north_of", "range"),
        (422, "north_of", "type"),
        (422, "north_of", "repeated"),
        (422, "north_off", "unknown-parameter"),
    ]
    assert "north_of" in said["bad"][3][1]["errors"][0]["detail"]
    status, refused = said["bad_json"]
    assert (status, refused["errors"][0]["pointer"]) == (422, "/filter/north_of")
    assert "north_of" in said["page"][1]
    document = said["document"][1]
    known = document["components"]["parameters"]["north_of"]
    assert known["schema"] == {"type": "number", "minimum": -90, "maximum": 90, "examples": [48.5]}
    place = {"$ref": "#/components/parameters/north_of"}
    having = {path for path, calls in document["paths"].items() if place in calls.get("get", {}).get("parameters", ())}
    assert having == {
        *(f"/v1/events{end}" for end in ("", ".geojson", ".atom", "/count", "/export")),
        *(f"/v1/stats/{name}" for name in ("series", "facets", "grid")),
        *("/v1/feed", "/v1/feed/stream", "/v1/streams/events"),
    }


def test_a_condition_is_one_file(database_url: str, tmp_path: Path) -> None:
    folder = copy_of(HERE.parent / "app", tmp_path / "copy")

    done = run(folder, str(HERE / "conditions" / "reading.py"), database_url)

    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    for name, expected in {
        "tallinn": [TALLINN],
        "on_the_parallel": [KYIV, TALLINN],
        "one_cell_is_not_enough": [TALLINN],
        "none": [],
        "with_others": [KYIV, TALLINN],
        "by_another_order": [TALLINN, KYIV, "odesa"],
        "with_words": ["odesa"],
        "as_it_stood": [TALLINN],
        "as_it_is": [],
    }.items():
        assert titles(said[name]) == expected, name
    assert sorted(titles(said["by_a_measure"])) == sorted([KYIV, "odesa", TALLINN])
    assert [said[name][1]["count"] for name in ("count", "count_after", "count_as_it_stood")] == [2, 1, 2]
    assert [json.loads(line)["title"] for line in said["ndjson"][1].splitlines() if "title" in line] == [KYIV, TALLINN]
    assert [name in said["csv"][1] for name in (KYIV, TALLINN, "odesa", "nowhere")] == [True, True, False, False]
    assert {place["properties"]["title"] for place in said["geojson"][1]["features"]} == {KYIV, TALLINN}
    assert said["atom"][1].count("<entry>") == 2
    assert [row["count"] for row in said["series"][1]] == [2]
    assert {row["value"]: row["count"] for row in said["facets"][1]["facets"]["place"]} == {KYIV: 1, TALLINN: 1}
    assert said["unchanged"][0] == 304

    created = [("created", TALLINN), ("created", KYIV)]
    followed = [*created, ("updated", TALLINN), ("deleted", "")]
    assert changes(said["feed"]) == created
    assert (said["moved"][0], said["gone"][0] // 100) == (200, 2)
    for name in ("feed_after", "pull"):
        assert changes(said[name]) == followed, name
    sent = [line for line in said["stream"].splitlines() if line.startswith("data: ")]
    assert [change_of(json.loads(line.removeprefix("data: "))) for line in sent] == followed
    check_document(said)


def test_without_its_file_there_is_no_such_condition() -> None:
    """The control: what was shown above comes from the one file."""
    assert "north_of" not in {name for condition in CONDITIONS for name in condition.parameters}


def test_two_conditions_cannot_have_one_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        shutil.copy(HERE / "conditions" / "north_of.py", tmp_path / f"doubled_{name}.py")
    (tmp_path / "doubled").mkdir()
    for name in ("one", "other"):
        (tmp_path / f"doubled_{name}.py").rename(tmp_path / "doubled" / f"{name}.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TypeError, match="two parameters called north_of"):
        conditions_in([str(tmp_path / "doubled")], "doubled")
