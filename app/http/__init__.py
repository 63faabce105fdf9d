"""Strict reading of what a request brings: JSON, query strings, bodies and header fields."""

from __future__ import annotations

from app.http.base_url import HOST, base_address, base_url
from app.http.dependencies import DirectRoute, FromServices, SettingsDep
from app.http.file_body import UploadedFile, file_body
from app.http.headers import if_none_match, parse_idempotency_key, parse_if_match, prefers_gzip
from app.http.json_body import SMALL_BODY, Body, body, check_media_type, read_body
from app.http.query_params import NoQuery, Nothing, Query, query, query_pairs, read_query
from app.http.strict_json import parse_json

__all__ = [
    "HOST",
    "SMALL_BODY",
    "Body",
    "DirectRoute",
    "FromServices",
    "NoQuery",
    "Nothing",
    "Query",
    "SettingsDep",
    "UploadedFile",
    "base_address",
    "base_url",
    "body",
    "check_media_type",
    "file_body",
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
