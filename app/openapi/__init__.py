"""The API described to people and programs: an OpenAPI 3.1 document made from the routes, and pages that show it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.openapi.docs_pages import serve_documents

__all__ = ["document_by", "document_bytes", "serve_documents"]


def document_by(app: FastAPI) -> None:
    """Let the app describe itself by this document rather than by FastAPI's; it is made for the first who asks."""

    def describe() -> dict[str, Any]:
        from app.openapi.document import document  # noqa: PLC0415 -- a tenth of the time of a start

        return document(app)

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's own way


def document_bytes(app: FastAPI) -> bytes:
    """The document as it is printed and kept in openapi/openapi.json."""
    from app.openapi.document import document_bytes as written  # noqa: PLC0415 -- likewise

    return written(app)
