"""Ids: they rise within a process, one by one or many at once, and their keys are their leading bits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.kit.ids import IdSource, key_of, read_id


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_many_at_once_are_as_many_one_by_one(count: int) -> None:
    source = IdSource()

    made = [source(), *source.many(count), source()]

    assert len(set(made)) == count + 2
    assert all(one < other and key_of(one) < key_of(other) for one, other in pairwise(made))
    assert {(id.version, id.variant) for id in made} == {(7, "specified in RFC 4122")}
    assert [read_id(str(id)) for id in made] == made


def test_the_rest_of_an_id_is_drawn_anew_for_each() -> None:
    rests = {id.int & (1 << 53) - 1 for id in IdSource().many(1000)}

    assert len(rests) == 1000
