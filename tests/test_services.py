"""What routes depend on is what `app.main.Services` has, of the same type."""

from __future__ import annotations

import re
from pathlib import Path
from types import UnionType
from typing import Annotated, get_args, get_origin, get_type_hints

import app.main
from app.auth.authentication import AuthenticatorDep
from app.changes import ChangeLogDep
from app.db import DatabaseDep
from app.events.write.store import StoreDep
from app.feed.notifier import NotifierDep
from app.feed.sse import StreamTimingsDep
from app.health import MetricsDep, SourceMetricsDep
from app.http import FromServices, SettingsDep
from app.main import Services
from app.subscriptions.management.operations import OperationsDep

APP = Path(app.main.__file__).parent
DEPENDENCIES = (
    AuthenticatorDep,
    ChangeLogDep,
    DatabaseDep,
    MetricsDep,
    NotifierDep,
    OperationsDep,
    SettingsDep,
    SourceMetricsDep,
    StoreDep,
    StreamTimingsDep,
)


def test_each_dependency_has_the_type_of_its_service() -> None:
    types = get_type_hints(Services)
    for dependency in DEPENDENCIES:
        assert get_origin(dependency) is Annotated
        annotated, depends = get_args(dependency)
        named = depends.dependency
        assert isinstance(named, FromServices)
        assert annotated == types[named.name], named
        assert isinstance(annotated, type | UnionType)


def test_every_dependency_is_held_to_it() -> None:
    written = {
        name
        for path in APP.rglob("*.py")
        for name in re.findall(r"(?m)^(\w+Dep) = Annotated\[", path.read_text(encoding="utf-8"))
    }
    assert len(written) == len(DEPENDENCIES)


def test_no_route_reaches_into_the_state_of_the_application() -> None:
    holders = {
        str(path.relative_to(APP)) for path in APP.rglob("*.py") if "app.state" in path.read_text(encoding="utf-8")
    }
    assert holders == {"main.py", "http/dependencies.py", "auth/authentication.py", "openapi/docs_pages.py"}
