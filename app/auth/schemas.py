"""Keys, feed tokens and the audit trail as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.auth.audit import AuditEntry
from app.auth.tables import Key, Scope, StoredKey
from app.errors import FieldError, Invalid
from app.kinds.field_errors import ValueRefused, field_errors
from app.kinds.timestamps import Instant, format_instant


def require_printable(text: str) -> str:
    """Refuse what would not show, or would not tell two names apart, in a list."""
    if not text.isprintable() or text != text.strip():
        raise ValueRefused("pattern", "Printable characters only, and no space at the ends.")
    return text


def require_distinct(scopes: list[Scope]) -> list[Scope]:
    """Refuse a scope that is named twice."""
    if len(set(scopes)) < len(scopes):
        raise ValueRefused("duplicate", "A scope is named twice.")
    return scopes


Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(require_printable)]
Scopes = Annotated[
    list[Scope], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(require_distinct)
]


class NewKey(BaseModel):
    """A key that is asked for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Label = Field(description="What the key is for.", examples=["newsroom"])
    scopes: Scopes = Field(
        description="What it may do; `write` and `subscribe` include `read`, `admin` includes all.",
        examples=[["read", "write"]],
    )
    owner: Label | None = Field(
        default=None,
        description="Who answers for what is done with it: revisions and the audit trail show the owner, and "
        "subscriptions belong to the owner. Default: the name.",
    )
    expires_at: Instant | None = Field(default=None, description="When it stops working; null: never.")


class KeyShape(BaseModel):
    """A key without its secret."""

    id: str = Field(examples=["k5m2c7qxzt"])
    name: str
    owner: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute: a use within a minute of the last is not noted.")


class IssuedKey(KeyShape):
    """A new key; `key` is shown this once."""

    key: str = Field(description="`sitrep_<id>_<secret>_<check>`: send it as `Authorization: Bearer <key>`.")


class KeyList(BaseModel):
    """A page of keys, newest first."""

    items: list[KeyShape]
    next: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class NewFeedToken(BaseModel):
    """A feed token that is asked for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Label = Field(description="Which reader or map it is for.", examples=["Feed reader at the desk"])
    expires_at: Instant | None = Field(default=None, description="When it stops working; null: never.")


class FeedTokenShape(BaseModel):
    """A feed token without its text."""

    id: str = Field(examples=["p3v7aq2mzd"])
    name: str
    owner: str = Field(description="The owner of the key that made it; it works as long as that owner has a valid key.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute: a use within a minute of the last is not noted.")


class IssuedFeedToken(FeedTokenShape):
    """A new feed token; `token` is shown this once."""

    token: str = Field(
        description="`sitrep_feed_<id>_<secret>_<check>`: add it to the address of a feed, `?token=...`."
    )


class FeedTokenList(BaseModel):
    """A page of feed tokens, newest first."""

    items: list[FeedTokenShape]
    next: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class Me(BaseModel):
    """Who the request's key is."""

    id: str
    name: str
    owner: str
    scopes: list[Scope]
    expires_at: datetime | None


class AuditShape(BaseModel):
    """One deed."""

    id: int
    at: datetime
    by: str = Field(description="The owner of the key that did it; `cli` for the command line.")
    action: str = Field(examples=["key.created"])
    subject: str = Field(description="The id of what it was done to.")
    address: str = Field(description="Where the request came from; empty for the command line.")


class AuditList(BaseModel):
    """A page of the audit trail, newest first."""

    items: list[AuditShape]
    next: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


def parse_new_key(data: object) -> NewKey:
    """Read the body of POST /v1/keys; Invalid names every fault by its pointer."""
    return parse_new(data, NewKey)


def parse_new_feed_token(data: object) -> NewFeedToken:
    """Read the body of POST /v1/feed-tokens; Invalid names every fault by its pointer."""
    return parse_new(data, NewFeedToken)


New = TypeVar("New", NewKey, NewFeedToken)


def parse_new(data: object, model: type[New]) -> New:
    """Read what is to be made."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Invalid(rejection_summary(model), errors=field_errors(error, model, "")) from None


def rejection_summary(model: type[BaseModel]) -> str:
    """The sentence above the faults."""
    return f"The {'key' if model is NewKey else 'token'} cannot be made so."


def reject_past_expiry(wanted: NewKey | NewFeedToken, now: datetime) -> None:
    """Refuse what has expired before it is made."""
    if wanted.expires_at is not None and wanted.expires_at <= now:
        past = FieldError("range", "The instant lies in the past.", pointer="/expires_at")
        raise Invalid(rejection_summary(type(wanted)), errors=[past])


def serialize_key(key: StoredKey) -> dict[str, Any]:
    """Give a key as `KeyShape`."""
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": key.scopes,
        "created_at": format_instant(key.created_at),
        "expires_at": serialize_instant(key.expires_at),
        "revoked_at": serialize_instant(key.revoked_at),
        "last_used_at": serialize_instant(key.last_used_at),
    }


def serialize_feed_token(token: StoredKey) -> dict[str, Any]:
    """Give a feed token as `FeedTokenShape`."""
    shown = serialize_key(token)
    return {name: shown[name] for name in FeedTokenShape.model_fields}


def serialize_me(key: Key) -> dict[str, Any]:
    """Give a key as `Me`."""
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": key.scopes,
        "expires_at": serialize_instant(key.expires_at),
    }


def serialize_entry(entry: AuditEntry) -> dict[str, Any]:
    """Give a row of the trail as `AuditShape`."""
    return {
        "id": entry.id,
        "at": format_instant(entry.at),
        "by": entry.by,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
    }


def serialize_instant(moment: datetime | None) -> str | None:
    """Give an instant as text, or null."""
    return None if moment is None else format_instant(moment)
