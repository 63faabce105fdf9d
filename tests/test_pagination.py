"""Cursors of lists: those of earlier releases are read, others are refused."""

from __future__ import annotations

import re

import pytest

from app.errors import CursorMalformed, CursorMismatch
from app.events.schemas import ListQuery
from app.http import read_query
from app.http.pagination import decode_cursor, decode_place, encode_cursor, encode_place, query_hash

PLACE = re.compile(r"([0-9]+):([a-z]+)")
QUERY = (
    b"kind=attack&bbox=22,44,41,53&near=50,30&radius_km=5&q=drones&since=2025-09-01&until=2025-10-01T00:00:00Z"
    b"&exclude=country:RU&missing=tag&sort=-killed&id=019928a9-2e3b-7d14-8c3f-5b1e09a7d26c&killed_min=3&limit=4"
    b"&external_id=a:b&fields=id"
)


def test_cursors_have_the_form_that_they_always_had() -> None:
    assert encode_cursor("keys", 123, "abc") == "ID1g52tleXM6MTIzOmFiYw"
    assert decode_cursor("keys", PLACE, "ID1g52tleXM6MTIzOmFiYw") == ("123", "abc")
    cursor = "AAY-KsCIwAAAAAAAAAAAAzEyMzQ1Njc4I_FTeWNRUFw"
    assert encode_place(1757203200000000, 3, b"12345678") == cursor
    assert decode_place(cursor, b"12345678") == (1757203200000000, 3)


def test_a_query_has_the_hash_that_it_always_had() -> None:
    assert query_hash(read_query(b"", ListQuery)).hex() == "4f53cda18c2baa0c"
    assert query_hash(read_query(QUERY, ListQuery)).hex() == "c2c531dd2c941433"
    assert query_hash(read_query(QUERY.replace(b"limit=4", b"limit=5"), ListQuery)).hex() == "c2c531dd2c941433"


@pytest.mark.parametrize("cursor", ["", "x", "ID1g52tleXM6MTIzOmFiYx", "ID1g52tleXM6MTIzOmFiYw=", "A" * 2000, "\u0410"])
def test_what_no_list_gave_is_refused(cursor: str) -> None:
    with pytest.raises(CursorMalformed):
        decode_cursor("keys", PLACE, cursor)
    with pytest.raises(CursorMalformed):
        decode_place(cursor, b"12345678")


def test_a_cursor_belongs_to_its_list_and_query() -> None:
    with pytest.raises(CursorMalformed):
        decode_cursor("audit", PLACE, encode_cursor("keys", 123, "abc"))
    with pytest.raises(CursorMismatch):
        decode_place(encode_place(1, 2, b"12345678"), b"87654321")
