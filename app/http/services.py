"""Hands the services of the application to routes, as typed parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from app.settings import Settings


@dataclass(frozen=True)
class FromServices:
    """A dependency: the field of that name in `app.main.Services`; a test holds the types of both together."""

    name: str

    async def __call__(self, request: Request) -> Any:
        return getattr(request.app.state.services, self.name)


SettingsDep = Annotated[Settings, Depends(FromServices("settings"))]
