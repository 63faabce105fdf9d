"""A fifth kind is in the document without another line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
CEASEFIRE = '''"""A truce."""

from typing import ClassVar

from app.kinds.base import Estimate, Facet, Kind, Measure, optional_field


class Ceasefire(Kind):
    """A truce."""

    name: ClassVar = "ceasefire"
    plural: ClassVar = "ceasefires"
    title: ClassVar = "Ceasefire"
    facets: ClassVar = (Facet("zone", "Where it holds.", lambda event: [event.detail.zone]),)
    totals: ClassVar = (
        Measure("breaches", "Breaches reported.", lambda event: event.detail.breaches.numbers()),
    )

    zone: str | None = optional_field("Where it holds.")
    breaches: Estimate
'''
PRINT = """
import sys
from app.main import create_app
from app.openapi import document_bytes
from app.settings import Settings
sys.stdout.buffer.write(document_bytes(create_app(Settings(database_url="sqlite:///nowhere.db"))))
"""


def test_a_fifth_kind_is_told_of_like_the_others(tmp_path: Path) -> None:
    shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "app" / "kinds" / "ceasefire.py").write_text(CEASEFIRE, encoding="utf-8")

    run = subprocess.run([sys.executable, "-c", PRINT], cwd=tmp_path, capture_output=True, check=True)  # noqa: S603 - our own Python
    told = json.loads(run.stdout)

    shapes = told["components"]["schemas"]
    assert shapes["EventIn"]["discriminator"]["mapping"]["ceasefire"] == "#/components/schemas/CeasefireIn"
    assert shapes["EventOut"]["discriminator"]["mapping"]["ceasefire"] == "#/components/schemas/CeasefireOut"
    assert set(shapes["CeasefireDetailOut"]["properties"]) == {"zone", "breaches"}
    for path in ("/v1/events", "/v1/feed", "/v1/feed/stream"):
        parameters = told["paths"][path]["get"]["parameters"]
        names = {parameter.get("name") or parameter["$ref"].rpartition("/")[2] for parameter in parameters}
        assert {"zone", "breaches_min", "breaches_max"} <= names
    assert "ceasefire" in shapes["KindName"]["enum"]
