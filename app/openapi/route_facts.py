"""Reads what a route says of itself: the key it needs, its query, its body, its responses."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel

from app.auth import RequireScope
from app.errors import Problem
from app.http import Body, Query
from app.openapi.schemas import join_paragraph

T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """One operation of the API: a method on a path."""

    route: RouteContext
    method: str

    @property
    def path(self) -> str:
        """The path, its parameters in braces."""
        return self.route.path_format or ""

    @property
    def name(self) -> str:
        """The operationId, which client generators name their methods after."""
        return str(self.route.operation_id or self.route.name)

    @property
    def tag(self) -> str:
        """The chapter it stands in."""
        return str(self.route.tags[0])

    @property
    def text(self) -> str:
        """What the route's docstring tells the API user."""
        return join_paragraph(inspect.cleandoc(self.route.description))

    @property
    def path_parameters(self) -> list[str]:
        """Names in braces, in their order."""
        return list(self.route.param_convertors)

    @cached_property
    def needs(self) -> RequireScope | None:
        """The key it needs, None where the call is always open."""
        return self._dependency(RequireScope)

    @cached_property
    def query_model(self) -> type[BaseModel] | None:
        """The parameters of its query string."""
        found = self._dependency(Query)
        return None if found is None else found.query_model

    @cached_property
    def body(self) -> Body[Any] | None:
        """How its body is read."""
        return self._dependency(Body)

    @property
    def writes(self) -> bool:
        """Whether the call changes what is stored."""
        return self.method != "GET"

    @property
    def success(self) -> int:
        """The status when all is well."""
        return self.route.status_code or 200

    @cached_property
    def answers(self) -> dict[int, dict[str, Any]]:
        """What the route says of its answers below 400, by status."""
        told = {int(status): said for status, said in self.route.responses.items() if "problems" not in said}
        return {self.success: {}} | dict(sorted(told.items()))

    @cached_property
    def problems(self) -> tuple[type[Problem], ...]:
        """The refusals that the route names."""
        return tuple(problem for said in self.route.responses.values() for problem in said.get("problems", ()))

    def _dependency(self, sort: type[T]) -> T | None:
        calls = (dependant.call for dependant in tree(self.route.dependant))
        return next((call for call in calls if isinstance(call, sort)), None)


def tree(dependant: Dependant) -> Iterator[Dependant]:
    """A dependency and all that it depends on."""
    yield dependant
    for child in dependant.dependencies:
        yield from tree(child)


def operations_of(app: FastAPI) -> list[Operation]:
    """Every documented operation, in the order of the routers; HEAD goes without saying."""
    return [
        Operation(route, method)
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute) and route.include_in_schema
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
