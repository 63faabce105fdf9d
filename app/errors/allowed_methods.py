"""Which methods a path has, over all the routes of an app."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope


class Routes:
    """The routes of an app as they stand at the first request."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._fixed: dict[str, frozenset[str]] | None = None

    def methods_of_fixed_path(self, path: str) -> frozenset[str] | None:
        """The methods of a path without parameters; None if there is no such path.

        A path such as /v1/events/count is asked about here first, for it would else be taken for an id.
        """
        if self._fixed is None:
            self._fixed = self._read_fixed()
        return self._fixed.get(path)

    def allowed_methods(self, scope: Scope) -> frozenset[str]:
        """The methods of the path of a request; none if there is no such path."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return self.methods_of_fixed_path(path) or self._matching(path)

    def _read_fixed(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for route in iter_route_contexts(self._api.routes):
            if route.path and route.methods and "{" not in route.path:
                found[route.path] = found.get(route.path, frozenset()) | with_head(route.methods)
        return found

    def _matching(self, path: str) -> frozenset[str]:
        methods: frozenset[str] = frozenset()
        for route in iter_route_contexts(self._api.routes):
            pattern = getattr(route.original_route, "path_regex", None)
            if pattern is not None and route.path_regex.match(path):
                methods |= with_head(route.methods or {"GET"})  # a mount of files names no methods
        return methods


def with_head(methods: set[str]) -> frozenset[str]:
    """HEAD works wherever GET does."""
    return frozenset(methods | {"HEAD"}) if "GET" in methods else frozenset(methods)
