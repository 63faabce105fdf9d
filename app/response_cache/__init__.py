"""Answers kept as they were sent, ahead of FastAPI: who asks the same again gets the same bytes."""

from __future__ import annotations

from app.response_cache.cache import ResponseCache, Terms, cache_control, keep
from app.response_cache.middleware import ResponseCacheMiddleware

__all__ = ["ResponseCache", "ResponseCacheMiddleware", "Terms", "cache_control", "keep"]
