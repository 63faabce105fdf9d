"""What a person at the terminal is told, and what of an exception they can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

from app.cli.server_feed import ServerRefused

if TYPE_CHECKING:  # `sitrep --help` loads nothing of the service
    from app.errors import FieldError, Problem


USAGE_STATUSES = frozenset({400, 422})  # the person's own
MAX_LISTED = 12  # values that are listed when another one is refused
ON_THE_COMMAND_LINE = {"scopes": "scope", "expires_at": "expires"}


class ErrorMessage(NamedTuple):
    """A sentence, or a line for each of several faults, and the exit status that goes with it."""

    text: str
    status: int


def print_error(text: str) -> None:
    """Say it on stderr, line by line."""
    for line in text.splitlines():
        typer.echo(f"sitrep: {line}", err=True)


def explain(error: Exception) -> ErrorMessage | None:
    """The sentence for an exception that is expected; None for a fault of ours, which deserves its traceback."""
    if isinstance(error, typer.TyperException):
        return ErrorMessage(usage(error), error.exit_code)
    if isinstance(error, ServerRefused):
        return ErrorMessage(str(error), error.status)

    from app.errors import Problem
    from app.settings import SettingsError

    if isinstance(error, SettingsError):
        return ErrorMessage(str(error), 2)
    if isinstance(error, Problem):
        return ErrorMessage(describe_problem(error), 2 if error.status in USAGE_STATUSES else 1)
    return None


def usage(error: typer.TyperException) -> str:
    """What was typed wrongly, and where help is."""
    path = getattr(getattr(error, "ctx", None), "command_path", "sitrep")
    text = " ".join(error.format_message().replace("Value error, ", "").split())
    return f"{text if text.endswith(('.', '?')) else text + '.'} Try `{path} --help`."


def describe_problem(problem: Problem) -> str:
    """A refusal in the API's words, with each refused value or the cause; in the operator's where there are some."""
    from app.db import DatabaseUnusable

    if problem.errors:
        return "\n".join(fault(error) for error in problem.errors)
    if isinstance(problem.__cause__, DatabaseUnusable):
        return str(problem.__cause__)
    says_what_to_do = "`" in problem.detail
    if problem.__cause__ is None or says_what_to_do:
        return problem.detail
    reason = str(problem.__cause__).strip().partition("\n")[0].removesuffix(".")
    return f"{problem.detail} ({reason})" if reason else problem.detail


def fault(error: FieldError) -> str:
    """One refused value, under the name it has on the command line."""
    field = error.parameter or (error.pointer or "").removeprefix("/").partition("/")[0]
    name = ON_THE_COMMAND_LINE.get(field, field)
    few = error.allowed is not None and len(error.allowed) <= MAX_LISTED
    hint = f" Use {one_of(error.allowed)}." if error.allowed and few else ""
    return f"{name}: {error.detail}{hint}" if name else f"{error.detail}{hint}"


def one_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
