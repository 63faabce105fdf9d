"""The API described to people and programs: an OpenAPI 3.1 document made from the routes, and pages that show it."""

from __future__ import annotations

from app.openapi.docs_pages import serve_documents
from app.openapi.document import document_by, document_bytes

__all__ = ["document_by", "document_bytes", "serve_documents"]
