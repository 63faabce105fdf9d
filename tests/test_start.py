"""What a start loads: a server imports only what every server needs, and the rest comes with who first asks for it."""

from __future__ import annotations

import json
import subprocess
import sys

# Libraries and parts of ours that a server can do without until somebody asks for what they do.
LATE = (
    "alembic",
    "app.datasets.gdelt",
    "app.imports.undo",
    "app.imports.upload",
    "app.migrate",
    "app.openapi.document",
    "app.sources.sync",
    "httpx",
    "ijson",
    "mcp",
    "pandas",
    "polars",
    "pyarrow",
    "pygments",
    "python_calamine",
    "rich",
)
# What `sitrep serve` does before it listens, with the parts that it imports.
START = """
import gc, json, sys
from app.cli.serve import serve
from app.kit.lean_start import lean_imports
collecting = []
with lean_imports():
    collecting.append(gc.isenabled())
    import app.cli.database, app.cli.listen_address, app.server
    from app.main import create_app
collecting.append(gc.isenabled())
from app.events.read.filter import EventFilter
from app.feed.schemas import FeedQuery
from app.settings import Settings
app = create_app(Settings(database_url="sqlite:///never-opened.db"))
loaded = [name for name in {late} if name in sys.modules]
built = [model.__name__ for model in (EventFilter, FeedQuery) if model.__pydantic_complete__]
import rich
print(json.dumps([loaded, built, collecting]))
"""


def test_a_server_loads_what_every_server_needs() -> None:
    script = START.replace("{late}", repr(LATE))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)  # noqa: S603 (our own)
    assert json.loads(done.stdout.splitlines()[-1]) == [[], [], [False, True]]
