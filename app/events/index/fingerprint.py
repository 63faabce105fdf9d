"""Fingerprints of facets, measures and the tokenizer, by which a changed one is noticed in the database."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app.kinds import KINDS, rules
from app.kinds.base import Facet, Measure

# What a change of does not change a value: types, docstrings, and where a node stands.
SKIPPED = frozenset({"annotation", "returns", "ctx", "kind", "type_comment", "type_params"})
REGISTRY = "registry"
ENVELOPE = ""


def facet_component(kind: str, facet: str) -> str:
    """The name under which the state of a facet is stored; the envelope is the kind "" ."""
    return f"facet:{kind}:{facet}"


def measure_component(kind: str, measure: str) -> str:
    """The name under which the state of a measure is stored."""
    return f"measure:{kind}:{measure}"


def text_component(kind: str) -> str:
    """The name under which the state of the words of a kind is stored."""
    return f"text:{kind}"


@cache
def components() -> dict[str, str]:
    """The fingerprint of each facet, measure and text of this program, by component name."""
    folded, text = definition("app.kinds.strings", "fold", set()), text_parts()
    found: dict[str, str] = {}
    for kind, facets, measures in (
        (ENVELOPE, rules.FACETS, rules.MEASURES),
        *((name, kind.facets, kind.totals) for name, kind in KINDS.items()),
    ):
        for facet in facets:
            found[facet_component(kind, facet.name)] = digest([describe(facet), facet.codes, folded])
        for measure in measures:
            found[measure_component(kind, measure.name)] = digest([describe(measure)])
    for name, kind_ in KINDS.items():
        found[text_component(name)] = digest([text, kind_.names])
    return found


@cache
def registry() -> str:
    """The fingerprint of the whole registry, as the name of its row."""
    return f"{REGISTRY}:{digest(sorted(components().items()))}"


@cache
def components_of(sort: str, name: str) -> frozenset[str]:
    """The components that a facet or a measure of that name consists of: one for each kind that declares it."""
    return frozenset(found for found in components() if found.startswith(f"{sort}:") and found.endswith(f":{name}"))


def kind_of(component: str) -> str:
    """The kind that declares a component; "" for the envelope."""
    return component.split(":")[1]


def describe(part: Facet | Measure) -> list[Any]:
    """What is declared, and the code that reads the value."""
    return [part.name, part.revision, function_parts(part.of, set())]


def text_parts() -> list[Any]:
    """The code of the tokenizer, of all that it calls, and which texts of an event it is given."""
    return [
        shape(source("app.kinds.tokenizer")),
        definition("app.kinds", "words_of", set()),
        definition("app.kinds.strings", "fold", set()),
        definition("app.events.index.text_query", "tsvector", set()),
        importlib.metadata.version("anyascii"),
    ]


def digest(parts: Any) -> str:
    """128 bits of a hash."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def function_parts(function: Callable[..., Any], seen: set[tuple[str, str]]) -> list[Any]:
    """The code of a function or lambda, what it closes over, and the functions and constants of ours that it names."""
    code = getattr(function, "__code__", None)
    if code is None:
        return [type(function).__name__]
    module, outer = function.__module__, function.__qualname__.split(".")[0]
    if isinstance(top_level(module).get(outer), ast.FunctionDef):
        found = definition(module, outer, seen)
    else:
        lambdas = [
            node
            for node in ast.walk(source(module))
            if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
        ]
        found = [part for node in lambdas for part in node_parts(module, node, seen)]
    for cell in getattr(function, "__closure__", None) or ():
        held = cell.cell_contents
        found.append(function_parts(held, seen) if callable(held) else repr(held))
    return found


def definition(module: str, name: str, seen: set[tuple[str, str]]) -> list[Any]:
    """The code of a function or constant of a module and of what it names; classes are known by their names only."""
    if (module, name) in seen:
        return []
    seen.add((module, name))
    node = top_level(module).get(name)
    if isinstance(node, ast.ImportFrom):
        original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
        return definition(node.module or "", original, seen)
    return [name] if node is None or isinstance(node, ast.ClassDef) else node_parts(module, node, seen)


def node_parts(module: str, node: ast.AST, seen: set[tuple[str, str]]) -> list[Any]:
    """A piece of code, and what it names of its module."""
    names = dict.fromkeys(named(node))
    return [
        shape(node),
        *(part for name in names if name in top_level(module) for part in definition(module, name, seen)),
    ]


def named(node: ast.AST) -> Iterator[str]:
    """The names that a piece of code uses outside of annotations."""
    if isinstance(node, ast.Name):
        yield node.id
    for field, value in ast.iter_fields(node):
        if field not in SKIPPED:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from named(part)


def shape(node: Any) -> Any:
    """Code as nested tuples, which formatting, comments, docstrings and annotations do not change."""
    if isinstance(node, list):
        return [shape(part) for part in node if not is_docstring(part)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in SKIPPED and value not in (None, []))
    return (type(node).__name__, *((name, shape(value)) for name, value in fields))


def is_docstring(node: Any) -> bool:
    """Whether a statement is a bare string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def source(module: str) -> ast.Module:
    """The syntax tree of a module of ours; empty where the source is not there."""
    path = getattr(importlib.import_module(module), "__file__", None)
    try:
        return ast.parse(Path(path or "").read_text(encoding="utf-8"))
    except OSError:
        return ast.Module(body=[], type_ignores=[])


@cache
def top_level(module: str) -> dict[str, ast.stmt]:
    """What a module defines or imports from ours at its top level, by name."""
    found: dict[str, ast.stmt] = {}
    for node in source(module).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                found[node.name] = node
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update((target.id, node) for target in targets if isinstance(target, ast.Name))
            case ast.ImportFrom() if (node.module or "").split(".")[0] == "app":
                found.update((alias.asname or alias.name, node) for alias in node.names)
    return found
