"""What texts in queries and header fields look like: patterns that the document shows and the server keeps to."""

from __future__ import annotations

from typing import Any

from app.events.read.conditions import CONDITIONS
from app.events.read.filter_parsers import MOMENT_PATTERN, TIME

# A value that is empty or has a control character is refused whatever the parameter.
TEXT: dict[str, Any] = {"minLength": 1, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$"}
POSITION = "e[1-9][0-9]{0,8}-[0-9]{12,18}"
TAG = r'(W/)?"[!#-~\u0080-\u00ff]*"'
PATTERNS = {
    **{name: text for condition in CONDITIONS for name, text in condition.patterns.items()},
    "changed_since": MOMENT_PATTERN,
    "timezone": "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
    "cursor": "^[A-Za-z0-9_-]+$",
    "at": f"^{POSITION}$",
    "as_of": f"^({POSITION}|{TIME})$",
    "after": f"^({POSITION}|oldest|now|{TIME})$",
    "offset": f"^({POSITION}|-1|now)$",
    "If-Match": rf"^(\*|[ \t,]*{TAG}[ \t]*(,[ \t]*({TAG}[ \t]*)?)*)$",
    "Idempotency-Key": r'^("([ !#-\[\]-~]|\\["\\])+"|[!#-~][ -~]*)$',
    "Last-Event-ID": f"^({POSITION})?$",
}


def document_text(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter with the pattern of its name, or of any text where it tells nothing else."""
    if schema.get("type") == "array":
        return {**schema, "items": document_text(name, schema["items"])}
    if schema.get("type") != "string" or {"enum", "format", "pattern"} & schema.keys():
        return schema
    return {**schema, "minLength": 1, "pattern": PATTERNS[name]} if name in PATTERNS else {**TEXT, **schema}
