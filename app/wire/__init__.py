"""Strict reading of what a request brings: JSON, query strings, bodies and header fields."""

from app.wire.bodies import SMALL_BODY, Body, body, check_media_type, read_body
from app.wire.fields import if_none_match, parse_idempotency_key, parse_if_match, prefers_gzip
from app.wire.origin import HOST, base_address, base_of
from app.wire.queries import NoQuery, Nothing, Query, query, query_pairs, read_query
from app.wire.strict_json import parse_json

__all__ = [
    "HOST",
    "SMALL_BODY",
    "Body",
    "NoQuery",
    "Nothing",
    "Query",
    "base_address",
    "base_of",
    "body",
    "check_media_type",
    "if_none_match",
    "parse_idempotency_key",
    "parse_if_match",
    "parse_json",
    "prefers_gzip",
    "query",
    "query_pairs",
    "read_body",
    "read_query",
]
