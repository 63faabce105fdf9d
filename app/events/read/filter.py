"""The one filter of list, count, export, statistics, feed and subscriptions: joined from the conditions.

A new filter is a file in `conditions/`, not a change here.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from app.events.index.text_query import TextQuery
from app.events.read.conditions import CONDITIONS, parameters_of
from app.events.read.conditions.base import Condition, ResidualCondition, TermGroup
from app.events.read.conditions.ids import WithIds
from app.events.read.conditions.time_window import ALWAYS, TimeWindow
from app.events.read.conditions.words import WithWords
from app.events.read.filter_parsers import list_of, read_timezone
from app.events.terms import IndexTerms

# Validators are built for the first call of a route: there are thirteen models with a hundred fields each.
CONFIG = ConfigDict(
    extra="forbid",
    frozen=True,
    arbitrary_types_allowed=True,
    ignored_types=(cached_property,),
    defer_build=True,
)
OwnParameters: type[BaseModel] = create_model("OwnParameters", __config__=CONFIG, **parameters_of(of_kinds=False))


class BaseEventFilter(OwnParameters):  # made from the conditions at start
    """The parameters that every kind shares, and what all of them ask."""

    timezone: Annotated[
        str,
        BeforeValidator(read_timezone),
        Field(description="IANA zone in which a bare day begins."),
    ] = "UTC"

    @model_validator(mode="after")
    def _go_together(self) -> BaseEventFilter:
        """Refuse parameters that do not go together."""
        self.conditions  # noqa: B018 (it raises)
        return self

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Those that the given parameters make."""
        given = self.model_fields_set
        return tuple(
            condition
            for kind in CONDITIONS
            if not kind.parameters.keys().isdisjoint(given)
            for condition in kind.read(self)
        )

    @cached_property
    def groups(self) -> tuple[TermGroup, ...]:
        """What the index can narrow; some groups are wider than their condition, which is then a residual too."""
        return tuple(group for condition in self.conditions for group in condition.terms())

    @cached_property
    def barred(self) -> tuple[TermGroup, ...]:
        """What the event may not have, by facet."""
        return tuple(group for condition in self.conditions for group in condition.excluded_terms())

    @cached_property
    def residuals(self) -> tuple[ResidualCondition, ...]:
        """The conditions that the index only narrows."""
        return tuple(condition for condition in self.conditions if isinstance(condition, ResidualCondition))

    @cached_property
    def window(self) -> TimeWindow:
        """The time asked for, which may be all of it."""
        return next((condition for condition in self.conditions if isinstance(condition, TimeWindow)), ALWAYS)

    @cached_property
    def ids(self) -> list[UUID] | None:
        """The ids asked for."""
        return next((condition.ids for condition in self.conditions if isinstance(condition, WithIds)), None)

    @cached_property
    def words(self) -> TextQuery | None:
        """The words asked for."""
        return next((condition.query for condition in self.conditions if isinstance(condition, WithWords)), None)

    def matches(self, terms: IndexTerms, id: UUID) -> bool:
        """The event in hand passes the filter; the twin of the conditions in SQL."""
        held: dict[str, list[str]] = {}
        for posting in terms.postings:
            held.setdefault(posting.facet, []).append(posting.value)
        return (
            all(any(map(group.admits, held.get(group.facet, ()))) for group in self.groups)
            and not any(any(map(group.admits, held.get(group.facet, ()))) for group in self.barred)
            and (self.ids is None or id in self.ids)
            and self.window.overlaps(terms.started_at, terms.ends_at)
            and all(condition.matches(terms) for condition in self.residuals)
        )


EventFilter: type[BaseEventFilter] = create_model(
    "EventFilter",
    __base__=BaseEventFilter,
    __doc__="Filters: repeat a name for OR; different names are ANDed.",
    **parameters_of(of_kinds=True),
)


class ChangeFilter(EventFilter):  # made from the kinds at start
    """Filters of changes: those of events, and which sorts of change."""

    change: Annotated[
        list[Literal["created", "updated", "deleted"]] | None,
        BeforeValidator(list_of),
        Field(description="Which sorts of change; all of them unless given."),
    ] = None
