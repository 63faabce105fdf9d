"""A server with a question that no database ever answers; `python endless.py URL` serves it and prints its port."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.db import Statement
from app.main import create_app
from app.server import serve
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(3600)",
}


def endless(dialect: str) -> Statement:
    """A statement that runs until it is interrupted."""
    return Statement(sa.text(ENDLESS[dialect]))


async def ask(request: Request) -> Response:
    """Ask it."""
    db = request.app.state.services.db
    await db.rows(endless(db.dialect), offload=True)
    return Response("never")


def add_endless(app: FastAPI) -> None:
    """Serve it at /endless."""
    app.router.routes.append(Route("/endless", ask))


def main(url: str) -> None:
    """Serve until SIGTERM."""
    settings = Settings(database_url=url, port=0, anonymous_read=True)
    app = create_app(settings, delivery=False)
    add_endless(app)
    serve(app, settings, on_start=tell)


def tell(_host: str, port: int) -> None:
    """Print the port."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
