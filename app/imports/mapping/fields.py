"""The fields of a kind as a layout of one's own names them: `locations.0.name`, `detail.munitions.0.launched`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.kinds import KINDS
from app.kinds.base import Estimate
from app.kinds.field_errors import models_in
from app.kinds.registry import event_of

Sort = Literal["text", "lines", "choice", "country", "estimate", "whole", "number", "flag", "moment", "day"]
Path = tuple[str, ...]
COUNTRIES = frozenset({"country", "countries", "ultimate_target"})
SEVERAL_LINES = frozenset({"summary", "reason", "text"})
SORTS: dict[Any, Sort] = {bool: "flag", int: "whole", float: "number", datetime: "moment", date: "day"}
MAX_LISTED = 12
EACH = "*"  # in the place of a number: an entry for each part of a cell


@dataclass(frozen=True, slots=True)
class Field:
    """A field, or each of several (`*` in its path): how its text is read, and whether its object needs it.

    `many` tells of a list of plain values, `choices` are the words of a vocabulary.
    """

    path: Path
    sort: Sort
    is_required: bool
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The path as a layout writes it."""
        return ".".join(self.path)


@cache
def fields_of(kind: str) -> dict[str, Field]:
    """The fields of a kind by name, with 0 for the number of any entry of a list."""
    found = {field.name: field for field in _fields(event_of(KINDS[kind]), ())}
    return {name: field for name, field in found.items() if name not in {"kind", "extra"}}


def _fields(model: type[BaseModel], before: Path) -> Iterator[Field]:
    for path, info, below in members(model, before):
        if below is not None and below is not Estimate:
            yield from _fields(below, path)
            continue
        if below is Estimate:
            yield Field(path, "estimate", info.is_required())
            yield from _fields(Estimate, path)
            continue
        kinds = list(_plain(info.annotation))
        choices = tuple(word for kind in kinds for word in get_args(kind))
        yield Field(path, _sort(path, kinds), info.is_required(), is_list(info.annotation), choices)


def members(model: type[BaseModel], before: Path) -> Iterator[tuple[Path, FieldInfo, type[BaseModel] | None]]:
    """The fields of an object, each with the object that it holds, if any; entries of a list have the number 0."""
    for name, info in model.model_fields.items():
        below = next(models_in(info.annotation), None)
        path = (*before, info.alias or name)
        yield (*path, "0") if below is not None and is_list(info.annotation) else path, info, below


def _sort(path: Path, kinds: list[Any]) -> Sort:
    if path[-1] in COUNTRIES:
        return "country"
    if any(get_origin(kind) is Literal for kind in kinds):
        return "choice"
    plain: Sort = "lines" if path[-1] in SEVERAL_LINES else "text"
    return next((SORTS[kind] for kind in kinds if kind in SORTS), plain)


def is_list(annotation: Any) -> bool:
    """Whether the annotation is that of a list, in whatever wrapping."""
    wrapped = get_origin(annotation) in {Annotated, Union, UnionType}
    return get_origin(annotation) is list or (wrapped and any(map(is_list, get_args(annotation))))


def _plain(annotation: Any) -> Iterator[Any]:
    """The types that an annotation such as `list[Annotated[str, ...]] | None` is made of."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in {Union, UnionType, list}:
        for part in get_args(annotation):
            yield from _plain(part)
    else:
        yield annotation


def find_field(kind: str, text: str) -> Field | None:
    """The field of a name such as `locations.1.name`, `tags` or `extra.notes`; a JSON pointer will do too."""
    path = tuple(text.removeprefix("/").replace("/", ".").split("."))
    if path[0] == "extra" and len(path) > 1:
        return Field(("extra", ".".join(path[1:])), "text", is_required=False)
    known = fields_of(kind).get(".".join("0" if step == EACH or step.isdigit() else step for step in path))
    return None if known is None else Field(path, known.sort, known.is_required, known.many, known.choices)


def suggestion(text: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown name: the one that was probably meant, or all if they are few."""
    names = {name.casefold(): name for name in known}
    if near := get_close_matches(text.casefold(), names, n=1):
        return f'; did you mean "{names[near[0]]}"?'
    return f"; use one of {', '.join(known)}." if 0 < len(known) <= MAX_LISTED else "."


def lacking(kind: str, given: Collection[Path]) -> list[str]:
    """The fields without which no event of the kind is taken, of those that are not given."""
    found = [".".join(path) for path in _lacking(event_of(KINDS[kind]), (), given)]
    return found if any(path[0] == "sources" for path in given) else [*found, "sources.0.publisher"]


def _lacking(model: type[BaseModel], before: Path, given: Collection[Path]) -> Iterator[Path]:
    for path, info, below in members(model, before):
        if path[0] in {"kind", "extra"}:
            continue
        if below is None or below is Estimate:
            if info.is_required() and not any(other[: len(path)] == path for other in given):
                yield path
            continue
        above, last = path[:-1], path[-1]
        deeper = [other[: len(path)] for other in given if len(other) > len(path) and other[: len(above)] == above]
        used = {entry for entry in deeper if last in {"0", entry[-1]}}
        for entry in sorted(used) or ([path] if info.is_required() else []):
            yield from _lacking(below, entry, given)
