"""A client of Sitrep: events, statistics and the feed, sync and async, and the verification of webhooks."""

from __future__ import annotations

from sitrep_client.async_client import AsyncClient
from sitrep_client.checkpoints import Checkpoint, CheckpointFile
from sitrep_client.client import Client
from sitrep_client.errors import (
    ApiError,
    CursorGone,
    Deleted,
    DuplicateExternalId,
    Forbidden,
    Invalid,
    InvalidUrl,
    NotFound,
    NotVerified,
    RateLimited,
    SitrepError,
    Unauthorized,
    Unreachable,
    VersionMismatch,
)
from sitrep_client.models import EventIn, EventOut, FeedFilter, FeedItem, Filter, ListFilter, Problem
from sitrep_client.version import __version__
from sitrep_client.webhooks import verify

__all__ = [
    "ApiError",
    "AsyncClient",
    "Checkpoint",
    "CheckpointFile",
    "Client",
    "CursorGone",
    "Deleted",
    "DuplicateExternalId",
    "EventIn",
    "EventOut",
    "FeedFilter",
    "FeedItem",
    "Filter",
    "Forbidden",
    "Invalid",
    "InvalidUrl",
    "ListFilter",
    "NotFound",
    "NotVerified",
    "Problem",
    "RateLimited",
    "SitrepError",
    "Unauthorized",
    "Unreachable",
    "VersionMismatch",
    "__version__",
    "verify",
]
