"""How names compare."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from app.kinds import fold
from app.kinds.strings import fits_index

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@settings(deadline=None)
@given(TEXT)
def test_a_folded_name_folds_to_itself(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(TEXT)
def test_composed_and_decomposed_names_are_one(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_every_character_folds_to_a_fixed_point() -> None:
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]

    assert [c for c in characters if fold(fold(c)) != fold(c)] == []


def test_no_character_folds_to_more_than_the_short_cut_allows() -> None:
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]

    assert max(len(fold(c).encode()) for c in characters) * 18 <= 1_000


@settings(deadline=None)
@given(TEXT)
def test_a_name_fits_the_index_by_its_folded_bytes(text: str) -> None:
    assert fits_index(text * 20) == (len(fold(text * 20).encode()) <= 1_000)
