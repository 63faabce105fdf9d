"""Reads imports for those who ask about them."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from app.db import Database, Statement
from app.errors import NotFound
from app.http.pagination import decode_cursor, encode_cursor
from app.imports.tables import ImportRun

LIST_NAME = "imports"
PLACE = re.compile(r"([0-9]{1,18})")
LAST = 2**63 - 1
INTERNAL = ("lease", "holder", "taken", "taken_late")
SHOWN = tuple(name for name in ImportRun.model_fields if name not in INTERNAL)
LISTED = tuple(name for name in SHOWN if name != "problems")
ONE = Statement(
    sa.select(*(col(getattr(ImportRun, name)) for name in SHOWN)).where(
        col(ImportRun.id) == sa.bindparam("run", type_=sa.BigInteger)
    )
)
PAGE = Statement(
    sa.select(*(col(getattr(ImportRun, name)) for name in LISTED))
    .where(col(ImportRun.id) < sa.bindparam("before", type_=sa.BigInteger))
    .order_by(col(ImportRun.id).desc())
    .limit(sa.bindparam("limit"))
)


async def read_import(db: Database, id: int) -> dict[str, Any]:
    """The columns of an import; raises NotFound."""
    found = await db.rows(ONE, {"run": id}, primary=True)
    if not found:
        raise NotFound(f"There is no import {id}.")
    return dict(zip(SHOWN, found[0], strict=True))


async def list_imports(db: Database, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """A page of imports without their problems, newest first, and the cursor of the next."""
    before = LAST if cursor is None else int(decode_cursor(LIST_NAME, PLACE, cursor)[0])
    rows = await db.rows(PAGE, {"before": before, "limit": limit + 1}, primary=True)
    found = [dict(zip(LISTED, row, strict=True)) for row in rows[:limit]]
    return found, encode_cursor(LIST_NAME, found[-1]["id"]) if len(rows) > limit else None
