"""The reference pages of docs/ say what the code says, and the site of docs/ leads to every page."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reference_pages import FOLDER, pages

MADE = pages()
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_as_the_code_makes_it(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == MADE[name], "make reference ARGS=--write"


def test_every_reference_page_is_made_from_the_code() -> None:
    assert sorted(page.stem for page in FOLDER.glob("*.md")) == sorted(MADE)


def leaves(nav: Any) -> list[str]:
    """The pages that a navigation leads to."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in leaves(part)]


def test_the_site_leads_to_every_page() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(leaves(nav)) == sorted(
        page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")
    )
