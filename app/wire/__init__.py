"""Strict reading of what a request brings: JSON, query strings, bodies and header fields."""

from app.wire.strict_json import parse_json

__all__ = ["parse_json"]
