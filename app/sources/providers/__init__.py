"""Types of source: one module each, found by being there; each knows how its publisher gives out files."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from app.sources.providers.base import Provider, SourceFile

__all__ = ["Provider", "SourceFile", "providers"]


def providers() -> dict[str, type[Provider]]:
    """Every type of source by the name that the file of sources has for it."""
    found: dict[str, type[Provider]] = {}
    for module in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{module.name}"
        for member in vars(importlib.import_module(name)).values():
            is_own = inspect.isclass(member) and issubclass(member, Provider) and member.__module__ == name
            if is_own and not inspect.isabstract(member):
                found[member.type] = member
    return found
