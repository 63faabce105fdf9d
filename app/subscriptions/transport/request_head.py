"""The head of a request as text: how it starts, and its fields."""

from __future__ import annotations

from collections.abc import Mapping

from app.subscriptions.transport.url_guard import WebhookUrl


def open_request(target: WebhookUrl) -> str:
    """What each request to the target starts with."""
    place, _, path = target.url.removeprefix(f"{target.scheme}://").partition("/")
    return (
        f"POST /{path} HTTP/1.1\r\nhost: {place}\r\n"
        "user-agent: sitrep/1\r\naccept: */*\r\naccept-encoding: identity\r\n"
    )


def write_fields(headers: Mapping[str, str]) -> str:
    """The fields of a head; raises ValueError for what would not stay in its line."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    text = "".join(lines)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("A header has characters other than printable ASCII.")
    return "\r\n".join([*lines, ""])
