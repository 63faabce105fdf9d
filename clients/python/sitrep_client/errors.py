"""What the client raises: one class for each sort of refusal, with the problem document that came with it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import httpx

from sitrep_client.models import FieldError, Tombstone

LOST_ANSWER = "An earlier try of this call got no answer and may have been taken: read the event before you call again."
MAX_ALLOWED = 12  # values that a message lists


class SitrepError(Exception):
    """The base of all that the client raises by itself."""


class InvalidUrl(SitrepError, ValueError):
    """The address of the server is none."""


class Unreachable(SitrepError):
    """No answer came, however often it was tried; the cause is the error of httpx."""


class NotVerified(SitrepError, ValueError):
    """The webhook is not from whom it claims to be, or not from now; the sentence says what is wrong."""


class ApiError(SitrepError):
    """The server refuses, and would again.

    `status` is that of HTTP; `problem` is the RFC 9457 document, `{}` where the answer was none; `type` is its slug,
    such as `validation` (docs/errors.md lists them). `uncertain` is true where an earlier try of the same write got no
    answer, so that it may be this very write that stands in the way.
    """

    slugs: ClassVar[frozenset[str]] = frozenset()
    statuses: ClassVar[frozenset[int]] = frozenset()
    advice: ClassVar[str] = ""

    def __init__(self, status: int, problem: dict[str, Any], *, uncertain: bool = False) -> None:
        self.status, self.problem, self.uncertain = status, problem, uncertain
        self.type = str(problem.get("type", "")).rpartition("/")[2]
        faults = map(describe_fault, self.errors)
        detail = str(problem.get("detail") or problem.get("title") or "The answer does not say why.")
        notes = [self.advice, LOST_ANSWER if uncertain else ""]
        super().__init__(" ".join([f"{status}: {detail}", *faults, *filter(None, notes)]))

    @property
    def errors(self) -> list[FieldError]:
        """Each fault with its place, where faults have places."""
        errors: list[FieldError] = self.problem.get("errors") or []
        return errors


class Unauthorized(ApiError):
    """401: the key is missing, wrong, expired or revoked."""

    statuses = frozenset({401})


class Forbidden(ApiError):
    """403: the key lacks the scope."""

    statuses = frozenset({403})


class NotFound(ApiError):
    """404: there is no such event, or no such path."""

    statuses = frozenset({404})


class Invalid(ApiError):
    """422: what was sent breaks a rule; `errors` has each fault with its pointer or parameter."""

    statuses = frozenset({422})


class RateLimited(ApiError):
    """429: too many calls, even after the waits that the server asked for."""

    statuses = frozenset({429})


class DuplicateExternalId(ApiError):
    """409: another event holds the external id; `existing` is its id and version."""

    slugs = frozenset({"duplicate-external-id"})

    @property
    def existing(self) -> dict[str, Any]:
        """The id and version of the event that holds it."""
        return dict(self.problem.get("existing") or {})


class VersionMismatch(ApiError):
    """412: the event has another version than the call named; `current` is the one it has.

    Read the event, look whether the change still makes sense, and call again with the new version.
    """

    slugs = frozenset({"version-mismatch"})

    @property
    def current(self) -> int | None:
        """The version that the event has."""
        return self.problem.get("current")


class Deleted(ApiError):
    """410: the event was deleted; `tombstone` says when and why."""

    slugs = frozenset({"deleted"})

    @property
    def tombstone(self) -> Tombstone:
        """What the deletion left."""
        tombstone: Tombstone = self.problem["tombstone"]
        return tombstone


class CursorGone(ApiError):
    """410: the feed no longer reaches back to the position, or a backup was restored since (`type` tells which).

    Read the list anew by `pages()`, save the first page's `as_of` as the checkpoint, and follow from there. A
    checkpoint goes before `after`, so save it: `CheckpointFile(path).save(page["as_of"])`. `oldest` is the lowest
    position that is left: following from it misses no change that is still there, but those before it.
    """

    slugs = frozenset({"cursor-expired", "cursor-epoch"})
    advice = "Read the list anew, save its first page's as_of as the checkpoint, and follow from there."

    @property
    def oldest(self) -> str:
        """The lowest position that works."""
        return str(self.problem.get("oldest") or "oldest")

    @property
    def bootstrap(self) -> str:
        """The path of the list."""
        return str(self.problem.get("bootstrap") or "/v1/events")


BY_SLUG = {slug: each for each in ApiError.__subclasses__() for slug in each.slugs}
BY_STATUS = {status: each for each in ApiError.__subclasses__() for status in each.statuses}


def describe_fault(fault: FieldError) -> str:
    """A fault: its place, which is a JSON pointer or the name of a parameter, and a short list of what would do."""
    allowed = fault.get("allowed") or []
    hint = f" Allowed: {', '.join(allowed)}." if 0 < len(allowed) <= MAX_ALLOWED else ""
    return f"{fault.get('parameter') or fault.get('pointer') or 'body'}: {fault.get('detail')}{hint}"


def error_of(response: httpx.Response, *, uncertain: bool = False) -> ApiError:
    """The exception for an answer that is a refusal, or not what the API answers."""
    problem: dict[str, Any] = {}
    with suppress(ValueError, TypeError):
        problem = dict(response.json())
    slug = str(problem.get("type", "")).rpartition("/")[2]
    kind = BY_SLUG.get(slug) or BY_STATUS.get(response.status_code, ApiError)
    return kind(response.status_code, problem, uncertain=uncertain)
