"""Every refusal is a class with a status, an address and a title; the raiser writes the sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from app.kit.json_lines import dump_json

MEDIA_TYPE = "application/problem+json"

PROBLEMS: dict[str, type[Problem]] = {}
"""Every class of problem by its slug, in the order of declaration."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault: in the body at a JSON pointer (the root is ""), or in a query parameter."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    allowed: Sequence[str] | None = None

    def document(self) -> dict[str, Any]:
        """The entry in `errors` of a problem document (RFC 9457, 3.2)."""
        where = {"pointer": self.pointer or ""} if self.parameter is None else {"parameter": self.parameter}
        allowed = None if self.allowed is None else list(self.allowed)
        return {**where, "code": self.code, "detail": self.detail, "allowed": allowed}


class Problem(Exception):
    """A refusal. `members` become extension members of the document, `headers` go out with the answer."""

    status: ClassVar[int]
    slug: ClassVar[str]
    title: ClassVar[str]
    usual_headers: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        taken = PROBLEMS.setdefault(cls.slug, cls)
        if taken is not cls and taken.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__} and {taken.__name__} share the slug {cls.slug!r}.")

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = {**self.usual_headers, **(headers or {})}
        self.members = members
        self.is_logged = False

    def document(self, instance: str) -> dict[str, Any]:
        """The problem as RFC 9457 writes it; `instance` is the address of this one occurrence."""
        document = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [error.document() for error in self.errors]
        return {**document, **self.members}

    def body(self, instance: str) -> bytes:
        """The document as JSON bytes."""
        document = self.document(instance)
        try:
            return dump_json(document)
        except TypeError:  # half a surrogate pair, or a value that is no JSON: rather told awkwardly than not at all
            return json.dumps(document, default=str).encode()


class Malformed(Problem):
    """JSON, UTF-8, a header field or HTTP itself cannot be read."""

    status, slug, title = 400, "malformed", "The request cannot be read"


class CursorMalformed(Problem):
    """The cursor is not one of ours."""

    status, slug, title = 400, "cursor-malformed", "The cursor is malformed"


class CursorAhead(Problem):
    """The cursor lies beyond the last change."""

    status, slug, title = 400, "cursor-ahead", "The cursor is ahead of the feed"


class CursorMismatch(Problem):
    """The list cursor was given out with another filter."""

    status, slug, title = 400, "cursor-mismatch", "The cursor belongs to another query"


class Unauthorized(Problem):
    """No key, or one that is not valid."""

    status, slug, title = 401, "unauthorized", "A valid key is required"
    usual_headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="sitrep"'}


class Forbidden(Problem):
    """The key is valid but lacks the scope."""

    status, slug, title = 403, "forbidden", "The key does not permit this"


class NotFound(Problem):
    """No such path, or no such thing."""

    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Problem):
    """The path exists, but not with this method."""

    status, slug, title = 405, "method-not-allowed", "The method is not allowed here"


class RequestTimeout(Problem):
    """The request took too long to arrive."""

    status, slug, title = 408, "request-timeout", "The request took too long to arrive"


class DuplicateExternalId(Problem):
    """Another event has one of the external ids."""

    status, slug, title = 409, "duplicate-external-id", "The external id is taken"


class ImportRunning(Problem):
    """Another process imports the same dataset."""

    status, slug, title = 409, "import-running", "An import of the dataset is running"


class SubscriptionMode(Problem):
    """The call is for subscriptions of the other mode."""

    status, slug, title = 409, "subscription-mode", "The subscription has the other mode"


class Deleted(Problem):
    """The event was deleted; its tombstone is in the answer."""

    status, slug, title = 410, "deleted", "The event was deleted"


class CursorExpired(Problem):
    """The changes after this cursor were trimmed."""

    status, slug, title = 410, "cursor-expired", "The cursor has expired"


class CursorEpoch(Problem):
    """The cursor comes from before a restored backup."""

    status, slug, title = 410, "cursor-epoch", "The cursor belongs to another epoch"


class VersionMismatch(Problem):
    """The precondition does not hold."""

    status, slug, title = 412, "version-mismatch", "The version is another one"


class PayloadTooLarge(Problem):
    """The body is larger than permitted."""

    status, slug, title = 413, "payload-too-large", "The body is too large"


class UriTooLong(Problem):
    """The path or the query string is longer than permitted."""

    status, slug, title = 414, "uri-too-long", "The address is too long"


class UnsupportedMediaType(Problem):
    """The body has a type or an encoding that is not read here."""

    status, slug, title = 415, "unsupported-media-type", "The media type is not supported"


class Invalid(Problem):
    """Well-formed but invalid; `errors` says what and where."""

    status, slug, title = 422, "validation", "The request is invalid"


class IdempotencyMismatch(Problem):
    """The Idempotency-Key was used with another body."""

    status, slug, title = 422, "idempotency-mismatch", "The Idempotency-Key was used before"


class PreconditionRequired(Problem):
    """The call needs If-Match."""

    status, slug, title = 428, "precondition-required", "A precondition is required"


class TooManyRequests(Problem):
    """Slow down; Retry-After says how long."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class HeadersTooLarge(Problem):
    """The header fields are larger than permitted."""

    status, slug, title = 431, "headers-too-large", "The header fields are too large"


class Internal(Problem):
    """A fault of ours; the log has it under the id in `instance`."""

    status, slug, title = 500, "internal", "Something went wrong here"


class Unavailable(Problem):
    """The database, or another part, is away for now."""

    status, slug, title = 503, "unavailable", "Temporarily unavailable"
    usual_headers: ClassVar = {"Retry-After": "2"}


class SchemaMismatch(Unavailable):
    """The database has the schema of another version of Sitrep; nothing is written until it fits."""

    status, slug, title = 503, "schema-mismatch", "The database's schema is another version's"
    usual_headers: ClassVar = {"Retry-After": "5"}


class DiskFull(Problem):
    """Nothing can be stored until there is space again; reading goes on."""

    status, slug, title = 507, "disk-full", "The disk is full"
