"""The list of datasets, on the page and on the terminal, is that of the code; one more dataset is one more file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from datasets_page import BEGIN, END, PAGE, listed

from app.datasets import datasets
from app.migrate import migrate

HERE = Path(__file__).parent
PATIENCE_S = 300
HEADER = "report no,DAY,Village,Dead,Remark,Added later"
DETECT = """
import csv, json, sys
from app.datasets import datasets, detect
for path in sys.argv[1:]:
    with open(path, newline="", encoding="utf-8") as file:
        fits = detect(datasets().values(), list(csv.reader(file)))
    print(json.dumps([[fit.dataset.name, fit.layout.version, fit.missing, fit.unknown] for fit in fits]))
"""


def test_the_page_lists_what_the_code_has() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(f"{BEGIN}\n")[2].partition(END)[0]
    assert shown == listed(), "make datasets ARGS=--write"
    assert all(f"\n## `{name}`\n" in text for name in datasets())


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the app in that folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **settings}
    return subprocess.run(  # noqa: S603 (our own)
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_dataset_is_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(HERE.parent / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "eighth" / "truce_reports.py", folder / "app" / "datasets")
    rows = ["TR-1,2025-09-07,Verkhnie,2,quiet", "TR-2,2025-09-07,Nyzhnie,,", "TR-3,2025-09-08,Verkhnie,many,"]
    (tmp_path / "new.csv").write_text("\n".join([HEADER, *(f"{row},x" for row in rows), ""]), encoding="utf-8")
    (tmp_path / "old.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")

    told = run(folder, "-m", "app", "datasets")

    assert (told.returncode, told.stderr) == (0, "")
    assert [line for line in told.stdout.splitlines() if len(line) > 80 and "://" not in line] == []
    assert [part.partition(":")[0] for part in told.stdout.split("\n\n")] == sorted([*datasets(), "truce_reports"])
    [shown] = [part for part in told.stdout.split("\n\n") if part.startswith("truce_reports")]
    assert shown.splitlines() == [
        "truce_reports: Truce reports",
        "  publisher Truce Mission",
        "  address   https://example.org/truce",
        "  licence   CC0 1.0",
        "  cite as   Truce Mission (2025): Daily reports.",
        "  layouts   2, 5 columns, each file the whole dataset",
        "            1, 5 columns, no header",
    ]

    found = run(folder, "-c", DETECT, str(tmp_path / "new.csv"), str(tmp_path / "old.csv"))
    assert [json.loads(line) for line in found.stdout.splitlines()] == [
        [["truce_reports", "2", [], ["Added later"]]],
        [["truce_reports", "1", [], []]],
    ], found.stderr

    url = f"sqlite:///{tmp_path / 'sitrep.db'}"
    migrate(url)
    dry, done = (
        run(folder, "-m", "app", "import", str(tmp_path / "new.csv"), *option, SITREP_DATABASE_URL=url)
        for option in ([], ["--write"])
    )
    assert (dry.returncode, done.returncode) == (1, 1), dry.stderr + done.stderr
    assert dry.stdout.startswith("Truce reports 2 (5 columns): 3 rows, 2025-09-07, 1 country.\n")
    assert "2 ready   0 break a rule   1 unreadable" in dry.stdout
    assert done.stdout.startswith('Columns that are not known go to `extra`: "Added later".\n2 created, 0 updated')
    told = run(folder, "-m", "app", "export", "external_id=truce-reports:TR-1", SITREP_DATABASE_URL=url)
    [event] = [json.loads(line) for line in told.stdout.splitlines()]
    assert (event["title"], event["extra"]) == ("Breach at Verkhnie", {"Remark": "quiet", "Added later": "x"})
