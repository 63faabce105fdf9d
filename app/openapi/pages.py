"""Serves the document and the pages that show it."""

from fastapi import FastAPI


def serve_documents(app: FastAPI) -> None:
    """Add the pages to the app."""
