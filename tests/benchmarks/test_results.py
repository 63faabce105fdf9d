"""The pure parts of the benchmarks: verdicts, what is shown and drawn, what is kept, and what counts as slower."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from benchmarks.cases import mixed, take
from benchmarks.figures import Figure, figure, missing, shortened, worst
from benchmarks.options import read_options
from benchmarks.report import in_markdown, on_terminal, told_slower
from benchmarks.results import Run, in_order, load, save, slower
from benchmarks.svg import draw
from benchmarks.targets import ROWS

SVG = "{http://www.w3.org/2000/svg}"


def test_a_figure_meets_its_database_s_target_or_its_moonshot_or_misses() -> None:
    for row, database, value, verdict in (
        ("uncached-page", "sqlite", 0.139, "missed"),
        ("uncached-page", "sqlite", 0.14, "met"),
        ("uncached-page", "postgresql", 0.14, "met"),
        ("uncached-page", "postgresql", 0.18, "moonshot"),
        ("fan-out", "sqlite", 25.1, "missed"),
        ("fan-out", "sqlite", 25.0, "met"),
        ("fan-out", "sqlite", 3.0, "moonshot"),
        ("subscriptions", "sqlite", 1.2, "met"),
        ("subscriptions", "postgresql", 1.05, "moonshot"),
        ("mixed", "sqlite", 0.33, "met"),
        ("mixed", "postgresql", 0.34, "missed"),
        ("start-help", "", 0.2, "met"),
        ("start-help", "", None, "not measured"),
    ):
        assert ROWS[row].verdict(database, value) == verdict, (row, database, value)


def test_a_row_of_many_cases_is_judged_by_the_worst_and_names_them_all() -> None:
    least = worst("statistics", "sqlite", {"days": [100, 110, 120], "months": [40, 50, 60]}, "1,000 events")
    assert (least.value, least.remark) == (50, "days 110; months 50.0. 1,000 events")
    assert worst("page-depth", "sqlite", {"first": [1.0], "middle": [1.4]}).value == 1.4


def test_slower_is_worse_by_a_tenth_and_beyond_the_middle_half_of_the_rounds() -> None:
    old = [figure("by-id", "sqlite", [0.50, 0.51, 0.52, 0.53]), figure("fan-out", "", [10, 10, 11, 11])]
    for rounds, is_told in (([0.45, 0.46, 0.47, 0.48], False), ([0.3, 0.4, 0.5, 0.6], False), ([0.3, 0.31], True)):
        assert bool(slower([figure("by-id", "sqlite", rounds)], old)) is is_told, rounds
    assert slower([figure("fan-out", "", [9, 9, 9, 9])], old) == []
    pairs = slower([figure("fan-out", "", [13, 13, 14, 14]), missing("by-id", "sqlite", "no time")], old)
    assert "a write to 1,000 SSE clients: 10.5 -> 13.5" in told_slower(pairs, "2026-11-29")
    assert told_slower([], "2026-11-29").startswith("Nothing got slower")


def test_every_row_is_shown_in_eighty_columns_in_markdown_and_as_a_picture_and_is_read_back(tmp_path: Path) -> None:
    figures = in_order(
        [
            figure(row, database, [0.1, 0.2, 0.3, 0.4], {"plain": 0.01, "A & <peer>": 12.0}, "a remark " * 20)
            for database in ("postgresql", "sqlite")
            for row in reversed(ROWS)
        ]
    )
    figures[3] = missing("feed", "sqlite", "There was no time left for it.")
    shown = on_terminal(figures)
    assert [figure.database for figure in figures[:2]] == ["sqlite", "postgresql"]
    assert max(map(len, shown.splitlines())) <= 80
    assert all(row.path in shown for row in ROWS.values())
    run = Run("2026-11-29", "2 cores of a processor", True, 2_000, 10_000, 3, 7.0, tuple(figures))
    (tmp_path / "gone.svg").touch()
    save(run, tmp_path)
    assert load(tmp_path) == run
    assert {path.stem for path in tmp_path.glob("*.svg")} == set(ROWS)
    for path in tmp_path.glob("*.svg"):
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 (written here)
        width = float(root.attrib["width"])
        assert all(float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width for bar in root.iter(f"{SVG}rect"))
        assert len(list(root.iter(f"{SVG}rect"))) % 3 == 0
    table = [line for line in (tmp_path / "README.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    assert len(table) == 2 + len(figures)
    assert {line.count("|") for line in table} == {table[0].count("|")}
    assert "A quick run" in in_markdown(run.heading(), figures, [])
    assert "busy with other work" in run.heading()
    assert "busy" not in replace(run, load=0.5).heading()


def test_results_of_another_form_are_no_last_run(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    for text in ("{}", "[", '{"figures": [{"row": 1}]}'):
        (tmp_path / "results.json").write_text(text, encoding="utf-8")
        assert load(tmp_path) is None, text


def test_runs_of_different_sizes_are_not_compared() -> None:
    run = Run("2026-11-29", "a machine", False, 10_000, 100_000, 7, 0.1, ())
    assert run.size != replace(run, deep=1_000_000).size
    assert run.size != replace(run, quick=True).size


def test_a_picture_shows_the_targets_of_each_database_over_its_own_bars() -> None:
    row = ROWS["uncached-page"]
    picture = ET.fromstring(draw(row, [figure(row.key, name, [0.05]) for name in ("sqlite", "postgresql")]))  # noqa: S314
    lines = [(line.attrib["class"], float(line.attrib["x1"])) for line in picture.iter(f"{SVG}line")]
    assert [name for name, _ in lines] == ["target", "moonshot"] * 2
    assert lines[0][1] > lines[2][1]


def test_quick_is_smaller_and_ends_sooner() -> None:
    quick, whole = read_options(["--quick"]), read_options([])
    assert quick.events < whole.events
    assert quick.left < 180 < whole.left
    assert read_options(["--depth"]).deep == 1_000_000
    assert read_options(["--only", "webhook"]).asks_for("delivery")
    assert not read_options(["--only", "webhook"]).whole


def test_figures_are_written_with_the_digits_that_count() -> None:
    assert [shortened(value) for value in (None, 0.0123, 0.5, 9.87, 12.34, 1234.5)] == [
        *("-", "0.012", "0.50", "9.87", "12.3", "1,234")
    ]
    assert Figure("feed", "sqlite", 0.5).verdict == "moonshot"


def test_seven_in_ten_requests_of_the_mixed_stream_read() -> None:
    sorts = {"page": b"GET 1", "narrowed": b"GET 2", "event": b"GET 3", "create": b"POST"}
    found = take(mixed({name: repeat(request) for name, request in sorts.items()}), 20)
    assert found[:10] == found[10:]
    assert [found[:10].count(request) for request in sorts.values()] == [3, 2, 2, 3]
