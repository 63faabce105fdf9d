"""A fifth kind is one file: with it in the folder all else follows, on a database that never heard of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE_S = 300


def answers_of(folder: Path, url: str) -> dict[str, Any]:
    """What the app in that folder says to `asking.py`."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(HERE / "fifth" / "asking.py"), url]
    done = subprocess.run(  # noqa: S603 (our own script)
        command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def ids(answer: Any) -> list[str]:
    status, body = answer
    assert status == 200, body
    return [event["id"] for event in body["items"]]


def test_a_kind_is_one_file(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(HERE.parent / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "fifth" / "ceasefire_violation.py", folder / "app" / "kinds")

    said = answers_of(folder, database_url)

    status, event = said["made"]
    assert (status, event["kind"], event["version"]) == (201, "ceasefire_violation", 1)
    assert event["detail"]["explosions"] == {"low": 12, "best": 12, "high": 12, "qualifier": "exact"}
    for name, pointer in (
        ("unknown_word", "/detail/weapon"),
        ("unknown_field", "/detail/colour"),
        ("wrong_kind", "/detail/weapon"),
    ):
        status, refused = said[name]
        assert (status, pointer in {error["pointer"] for error in refused["errors"]}) == (422, True), name
    assert said["kind"][1]["facets"] == [
        {"name": "weapon", "values": ["small_arms", "mortar", "drone"]},
        {"name": "monitor", "values": None},
    ]
    assert said["kind"][1]["measures"] == ["killed", "injured", "explosions"]
    for name in ("by_kind", "by_facet", "by_alias", "by_measure", "as_it_stood"):
        assert ids(said[name]) == [event["id"]], name
    for name in ("by_other_value", "by_too_much"):
        assert ids(said[name]) == [], name
    assert said["by_unknown_value"][0] == 422
    assert said["count"][1]["count"] == 1
    header, row = said["export"][1].splitlines()
    assert {"weapon", "monitor", "explosions_best"} <= set(header.lstrip("\ufeff").split(","))
    assert event["id"] in row
    assert [(item["type"], item["data"]) for item in said["feed"][1]["items"]] == [
        ("ceasefire_violation.created", event)
    ]
    assert (said["changed"][0], ids(said["after"])) == (200, [event["id"]])
    assert [item["type"].rpartition(".")[2] for item in said["left"][1]["items"]] == ["created", "updated"]


def test_without_its_file_there_is_no_such_kind(tmp_path: Path) -> None:
    """The control: what was shown above comes from the one file."""
    shutil.copytree(HERE.parent / "app", tmp_path / "copy" / "app", ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import app, sys; from app.kinds import KINDS; "
        "assert app.__file__.startswith(sys.argv[1]); assert 'ceasefire_violation' not in KINDS"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "copy"), "PYTHONDONTWRITEBYTECODE": "1"}

    done = subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, "-c", script, str(tmp_path)], cwd=tmp_path, env=environment, timeout=PATIENCE_S, check=False
    )

    assert done.returncode == 0
