"""What routes depend on: services of the application as typed parameters, and routes that pass FastAPI's solver by."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.settings import Settings

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class FromServices:
    """A dependency: the field of that name in `app.main.Services`; a test holds the types of both together."""

    name: str

    async def __call__(self, request: Request) -> Any:
        return getattr(request.app.state.services, self.name)


SettingsDep = Annotated[Settings, Depends(FromServices("settings"))]


class DirectRoute(APIRoute):
    """Use as `route_class` of a router: calls the dependencies in the order of the parameters, then the route.

    FastAPI declares, documents and matches the route as ever, and answers it where `is_direct` does not hold. Overrides
    of dependencies are not looked at.
    """

    def get_route_handler(self) -> Handler:
        """Make the function that answers a request."""
        if not is_direct(self):
            return super().get_route_handler()
        call: Callable[..., Coroutine[Any, Any, Response]] = self.endpoint
        place = self.dependant.request_param_name
        paths = tuple((field.name, field.alias) for field in self.dependant.path_params)
        needs: tuple[tuple[str, Any, str], ...] = tuple(
            (str(each.name), each.call, str(each.request_param_name)) for each in self.dependant.dependencies
        )

        async def answer(request: Request) -> Response:
            values: dict[str, Any] = {} if place is None else {place: request}
            for name, depend, parameter in needs:
                values[name] = await depend(**{parameter: request})
            for name, alias in paths:
                values[name] = request.path_params[alias]
            return await call(**values)

        return answer


def is_direct(route: APIRoute) -> bool:
    """Whether a route takes only the request, texts of its path, and what asynchronous dependencies make of a request.

    It must send a response of its own making, which `response_model=None` says.
    """
    dependant = route.dependant
    return (
        route.response_field is None
        and takes_no_field(dependant)
        and all(field.field_info.annotation is str for field in dependant.path_params)
        and all(is_made_of_request(each) for each in dependant.dependencies)
    )


def is_made_of_request(dependant: Dependant) -> bool:
    """Whether a dependency is asynchronous, fills a parameter of the route, and takes nothing but the request."""
    call = dependant.call
    return (
        dependant.name is not None
        and dependant.request_param_name is not None
        and (iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__))
        and not dependant.dependencies
        and not dependant.path_params
        and takes_no_field(dependant)
    )


def takes_no_field(dependant: Dependant) -> bool:
    """Whether FastAPI is to fill nothing but the request, the path and what is depended on."""
    return not any(
        (
            dependant.query_params,
            dependant.header_params,
            dependant.cookie_params,
            dependant.body_params,
            dependant.websocket_param_name,
            dependant.http_connection_param_name,
            dependant.response_param_name,
            dependant.background_tasks_param_name,
            dependant.security_scopes_param_name,
        )
    )
