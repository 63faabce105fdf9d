"""Writes the reference pages of docs/ from the code: prints them, or with `--write` puts them into docs/reference/."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from app.cli import sitrep
from app.errors import PROBLEMS
from app.kinds import KINDS, rules, schema_of
from app.main import create_app
from app.settings import PREFIX, RateLimit, Settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make reference ARGS=--write`. Change the code instead. -->"


def main() -> None:
    """Print the pages, or with --write put them into docs/reference/."""
    for name, text in pages().items():
        if "--write" in sys.argv:
            (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
        else:
            print(text)  # noqa: T201


def pages() -> dict[str, str]:
    """Each page by its name."""
    made = {
        "commands": commands(),
        "kinds": kinds(),
        "metrics": metrics(),
        "problems": problems(),
        "settings": settings(),
    }
    return {name: "\n".join([MADE, *lines]) + "\n" for name, lines in made.items()}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown, with an empty line behind it."""
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def settings() -> Iterator[str]:
    """Every environment variable with its default."""
    yield "# Settings\n"
    yield "Environment variables. [Running Sitrep](../operations.md#settings) says how they are read.\n"
    yield from table(
        ("name", "default", "meaning"),
        (
            (
                f"`{PREFIX}{name.upper()}`",
                default(field.default),
                re.sub(r"\]\((?=\w+\.md)", "](../", field.description or ""),
            )
            for name, field in Settings.model_fields.items()
        ),
    )


def default(value: Any) -> str:
    """A default as the environment would write it."""
    if value in (None, "", ()):
        return "none"
    if isinstance(value, tuple | frozenset):
        return f"`{','.join(map(str, sorted(value)))}`"
    if isinstance(value, RateLimit):
        return f"`{value.n}/{value.s}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def problems() -> Iterator[str]:
    """Every type of problem document."""
    yield "# Problems\n"
    yield "The `type` of a problem document is `/problems/<name>`. [Refusals](../errors.md) explains its shape.\n"
    known = sorted(PROBLEMS.values(), key=lambda problem: (problem.status, problem.slug))
    yield from table(
        ("status", "name", "title", "when"),
        ((str(one.status), f"`{one.slug}`", one.title, prose(inspect.getdoc(one))) for one in known),
    )


def prose(text: str | None) -> str:
    """The first paragraph on one line."""
    return " ".join((text or "").partition("\n\n")[0].split())


def kinds() -> Iterator[str]:
    """Every kind with its facets, measures and fields, and what all kinds have."""
    yield "# Kinds\n"
    yield (
        "An event is an envelope, the same for all kinds, around a `detail` of its kind. Each facet is a filter of its "
        "name, each measure has two: `<measure>_min` and `<measure>_max`. [Kinds of events](../kinds.md) explains the "
        "rules.\n"
    )
    yield "## Every event\n"
    yield from declared(rules.FACETS, rules.MEASURES)
    schemas = {kind: schema_of(kind) for kind in KINDS}
    envelope = next(iter(schemas.values()))
    own = {schema["properties"]["detail"]["$ref"].rpartition("/")[2] for schema in schemas.values()}
    shared = set.intersection(*(set(schema["$defs"]) for schema in schemas.values()))
    yield from fields(envelope)
    for name in sorted(shared - own):
        yield from shape(name, envelope["$defs"][name], 3)
    for kind, model in KINDS.items():
        definitions = schemas[kind]["$defs"]
        detail = schemas[kind]["properties"]["detail"]["$ref"].rpartition("/")[2]
        yield f"## `{kind}`\n"
        yield f"**{model.title}.** {prose(inspect.getdoc(model))}\n"
        yield from declared(model.facets, model.totals)
        yield f"### `detail` of `{kind}`\n"
        yield from fields(definitions[detail])
        for name in sorted(set(definitions) - shared - {detail}):
            yield from shape(name, definitions[name], 3)


def declared(facets: Iterable[Any], measures: Iterable[Any]) -> Iterator[str]:
    """The facets and the measures that a kind declares."""
    listed = [(f"`{facet.name}`", facet.description, words(facet.values or ())) for facet in facets]
    if listed:
        yield from table(("facet", "meaning", "values"), listed)
    counted = [(f"`{measure.name}`", measure.description) for measure in measures]
    if counted:
        yield from table(("measure", "meaning"), counted)


def shape(name: str, schema: Mapping[str, Any], level: int) -> Iterator[str]:
    """An object that fields are made of."""
    if "properties" in schema:
        yield f"{'#' * level} {name}\n"
        yield f"{prose(schema.get('description'))}\n"
        yield from fields(schema)


def fields(schema: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an object: name, type and meaning."""
    yield from table(
        ("field", "type", "meaning"),
        (
            (f"`{name}`", type_of(field), prose(field.get("description")))
            for name, field in schema["properties"].items()
        ),
    )


def type_of(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in schema:
        return " or ".join(type_of(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return words(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def words(values: Iterable[object]) -> str:
    """Values of a vocabulary, each as it is written."""
    return ", ".join(f"`{value}`" for value in values)


def commands() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield "# Commands\n"
    yield (
        "`sitrep COMMAND`, also `python -m app COMMAND`. [Settings](settings.md) are environment variables. A command "
        "ends with status 0, with 1 for what failed and 2 for what was asked wrongly, and says so in a line on stderr "
        "that begins with `sitrep:`.\n"
    )
    yield from described(typer.main.get_command(sitrep), "sitrep")


def described(command: Any, name: str) -> Iterator[str]:
    """A command, or those of a group."""
    if hasattr(command, "commands"):
        for word, below in sorted(command.commands.items()):
            yield from described(below, f"{name} {word}")
        return
    yield f"## `{name}`\n"
    for paragraph in (command.help or "").strip().split("\n\n"):
        yield f"{' '.join(paragraph.split())}\n"
    rows = [
        (f"`{parameter.metavar or parameter.human_readable_name}`", parameter.help or "")
        if parameter.param_type_name == "argument"
        else (f"`{option_of(parameter)}`", parameter.help or "")
        for parameter in command.params
    ]
    if rows:
        yield from table(("argument or option", "meaning"), rows)


def option_of(parameter: Any) -> str:
    """An option as it is typed."""
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.type.name.upper()}"


def metrics() -> Iterator[str]:
    """Every metric that a server tells Prometheus."""
    yield "# Metrics\n"
    yield (
        "`GET /metrics` answers in Prometheus's text format, to loopback or with an admin key. Each process counts for "
        "itself. The names that begin with `process_` are those of every Prometheus client.\n"
    )
    registry = create_app(Settings(database_url="sqlite:///nowhere.db")).state.services.metrics.registry
    found = {family.name: family for family in registry.collect() if not family.name.startswith("process_")}
    yield from table(
        ("name", "type", "meaning"),
        (
            (f"`{name}{'_total' * (one.type == 'counter')}`", one.type, one.documentation)
            for name, one in sorted(found.items())
        ),
    )


if __name__ == "__main__":
    main()
