"""The house checks itself: direction of imports, size and opening of files, and that the docs name what exists."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from app.kinds import CODES, FACETS, FLAGS, KINDS, MEASURES
from app.kinds.base import Facet, Measure
from app.settings import OF_CLIENTS, Settings

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"

# A part may import only what stands below it.
ORDER = (
    "__main__",
    "cli",
    "server",
    "protocol",
    "main",
    "mcp",
    "proxy",
    "openapi",
    "health",
    "migrate",
    "check",
    "sources",
    "imports",
    "subscriptions",
    "feed",
    "stats",
    "events",
    "group_commit",
    "response_cache",
    "changes",
    "auth",
    "datasets",
    "kinds",
    "db",
    "compression",
    "http",
    "errors",
    "metrics",
    "logs",
    "settings",
    "database_address",
    "samples",
    "version",
    "kit",
)
ALONE = ("dashboard",)  # import nothing of ours
SHARED_BY_DATASETS = ("base", "cells", "grouping", "codes")
SHARED_BY_KINDS = ("base", "codes", "envelope", "field_errors", "rules", "strings", "timestamps")

LONGEST = 300
LONGER = {"settings": 400}  # a module, and how long it may be: each setting is declared and explained in one place
BANNED_NAME = re.compile(r"(?i)(service|manager|utils?|helpers?|crud|repository)(\.py)?$")


def modules(app: Path) -> dict[str, Path]:
    """Every module of the package by its dotted name without `app.`; the package itself is left out."""
    found = {}
    for path in sorted(app.rglob("*.py")):
        parts = path.relative_to(app).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found.pop("", None)
    return found


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    """The dotted names that a module imports from the package, without `app.`, wherever in the file it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("app.") for alias in node.names if alias.name.startswith("app."))
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*(["app", *above] if node.level else []), *([node.module] if node.module else [])])
            if origin == "app" or origin.startswith("app."):
                prefix = origin.removeprefix("app").removeprefix(".")
                yield from (f"{prefix}.{alias.name}".removeprefix(".") for alias in node.names)


def arrows(app: Path) -> dict[str, set[str]]:
    """Which module imports which; a name that is no module stands for the module that holds it."""
    known = modules(app)
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        targets = {target if target in known else target.rpartition(".")[0] for target in imported(tree, package)}
        graph[name] = targets - {"", name}
    return graph


def crossings(graph: dict[str, set[str]]) -> list[str]:
    """The imports that point upward or sideways, as `from -> to`."""
    wrong = []
    for name, targets in graph.items():
        for target in targets:
            here, there = name.partition(".")[0], target.partition(".")[0]
            downward = here in ORDER and there in ORDER and ORDER.index(here) < ORDER.index(there)
            if not (downward or (here == there and not sideways(name, target))):
                wrong.append(f"{name} -> {target}")
    return sorted(wrong)


def sideways(name: str, target: str) -> bool:
    """Whether both are plug-ins of one room: two kinds, or two datasets."""
    room, _, here = name.partition(".")
    there = target.partition(".")[2]
    if room == "kinds":
        return here in KINDS and there not in SHARED_BY_KINDS
    return room == "datasets" and bool(here) and not {here, there.partition(".")[0]} & {*SHARED_BY_DATASETS}


def opening(path: Path) -> str:
    """The first paragraph of a file's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def is_one_sentence(text: str) -> bool:
    """Whether the text is a single sentence with its full stop."""
    return bool(re.fullmatch(r"(?s)(?:(?![.!?]\s+[A-Z]).)+[.]", text))


def docs() -> str:
    """README and every page of docs/, joined."""
    return "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def page(name: str) -> str:
    """One page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture
def small_app(tmp_path: Path) -> Path:
    """A package with one import upward, one between kinds, one relative, one in a function, and some that are fine."""
    files = {
        "__init__.py": "",
        "settings.py": "",
        "errors.py": "import app.settings\nfrom app.db import nothing",
        "db/__init__.py": "from ..settings import url",
        "db/sqlite.py": "from . import postgres",
        "db/postgres.py": "from . import sqlite",
        "kinds/__init__.py": "from app.kinds import base",
        "kinds/base.py": "",
        "kinds/attack.py": "from app.kinds.base import Kind\nfrom app.kinds.sanction_move import x",
        "kinds/sanction_move.py": "def late():\n    from app.events.model import Row",
        "events/__init__.py": "",
        "events/model.py": "from app.kinds import base",
    }
    for name, text in files.items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "app"


def test_imports_point_downward() -> None:
    assert crossings(arrows(APP)) == []


def test_no_module_imports_itself_in_a_circle() -> None:
    TopologicalSorter(arrows(APP)).prepare()


def test_an_import_upward_or_sideways_would_be_found(small_app: Path) -> None:
    assert crossings(arrows(small_app)) == [
        "errors -> db",
        "kinds.attack -> kinds.sanction_move",
        "kinds.sanction_move -> events.model",
    ]


def test_a_circle_would_be_found(small_app: Path) -> None:
    with pytest.raises(CycleError):
        TopologicalSorter(arrows(small_app)).prepare()


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {name.partition(".")[0] for name in modules(APP)}
    assert rooms - {*ORDER, *ALONE} == set()


def test_what_stands_alone_imports_nothing_of_ours() -> None:
    graph = arrows(APP)
    assert {name: graph[name] for name in ALONE if graph.get(name)} == {}


def test_a_file_opens_with_one_sentence() -> None:
    assert [name for name, path in modules(APP).items() if not is_one_sentence(opening(path))] == []


@pytest.mark.parametrize("text", ["", "no full stop", "One sentence. And another."])
def test_what_is_not_one_sentence_would_be_found(text: str) -> None:
    assert not is_one_sentence(text)


def test_a_file_is_read_at_a_sitting() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(APP).items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGER.get(name, LONGEST)} == {}


def test_no_file_or_class_hides_behind_an_empty_word() -> None:
    classes = [
        node.name
        for path in modules(APP).values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    names = [*classes, *(path.name for path in APP.rglob("*") if path.suffix in {"", ".py"})]
    assert [name for name in names if BANNED_NAME.search(name)] == []


def test_only_the_errors_know_of_http_exceptions() -> None:
    holders = [
        name
        for name, path in modules(APP).items()
        if any(
            "HTTPException" in {getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None)}
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert set(holders) <= {name for name in modules(APP) if name.partition(".")[0] == "errors"}


def test_docs_and_container_name_no_setting_that_does_not_exist() -> None:
    container = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "compose.yaml", "Makefile")
    )
    named = set(re.findall(r"\bSITREP_[A-Z_]*[A-Z]\b", docs() + container))
    assert named - {f"SITREP_{name.upper()}" for name in Settings.model_fields} == OF_CLIENTS


def test_every_code_of_a_fault_is_documented() -> None:
    raised = {"FieldError", "ValueRefused", "PydanticCustomError"}
    calls = [
        node
        for path in modules(APP).values()
        if "imports" not in path.parts  # a layout of one's own is refused by the command, in a sentence
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in raised and node.args
    ]
    codes = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)} | {*CODES}
    assert codes == set(re.findall(r"(?m)^\| `([a-z0-9-]+)` \| .*$", page("errors.md").partition("A `code`")[2]))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_documented_with_its_facets_and_measures(name: str) -> None:
    section = page("kinds.md").partition(f"`{name}`\n")[2].partition("\n## ")[0]
    parts: list[Facet | Measure] = [*KINDS[name].facets, *KINDS[name].totals]
    rows = [f"| `{part.name}` | {part.description} |" for part in parts]
    assert re.findall(r"(?m)^\| `.*$", section) == rows


def test_every_facet_and_measure_is_documented() -> None:
    text = page("kinds.md")
    assert [name for name in (*FACETS, *MEASURES) if f"| `{name}` |" not in text] == []


def test_every_quality_flag_is_documented() -> None:
    section = page("kinds.md").partition("### Quality flags\n")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^\| `(.*?)` \|", section) == list(FLAGS)


def test_contributing_shows_the_order_of_parts() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"`(cli > server[^`]+)`", text)
    assert [name.strip() for name in shown.replace("\n>", " >").split(">")] == [*ORDER[1:]]


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_a_lock_pins_and_hashes_and_names_no_index(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    pins = re.findall(r"(?m)^\S.*", text)
    assert pins
    assert [pin for pin in pins if not re.match(r"[a-z0-9.-]+==\S+ .*\\$", pin)] == []
    assert len(re.findall(r"(?m)^\S.*\\\n +--hash=sha256:", text)) == len(pins)
    assert "://" not in text
