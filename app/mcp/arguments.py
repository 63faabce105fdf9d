"""What tools take: the filters that questions mostly need by name, and every other by the name the API has for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.kinds.registry import PARAMETERS

Scalar = str | int | float


class EventFilter(BaseModel):
    """Which events: all conditions must hold; of several values of one, any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[
        str | None,
        Field(description='Words in titles, summaries and names: all of them, `"a phrase"`, `begin*`, `-not`, `OR`.'),
    ] = None
    kind: Annotated[list[str] | None, Field(description="Kinds of events, as `list_kinds` names them.")] = None
    status: Annotated[list[str] | None, Field(description="Such as reported, confirmed, disputed, retracted.")] = None
    country: Annotated[list[str] | None, Field(description="Where: ISO 3166 codes or English names.")] = None
    admin1: Annotated[list[str] | None, Field(description="Where: ISO 3166-2 codes, such as UA-63 (Kharkiv).")] = None
    place: Annotated[list[str] | None, Field(description="Where: names of places, whole.")] = None
    near: Annotated[str | None, Field(description="Where: `lat,lon`; needs `radius_km`.")] = None
    radius_km: Annotated[float | None, Field(description="At most 1000.")] = None
    actor: Annotated[list[str] | None, Field(description="Who takes part: names, references or country codes.")] = None
    since: Annotated[str | None, Field(description="From this day or instant on (event time): 2025-09-07.")] = None
    until: Annotated[str | None, Field(description="Before this day or instant (event time).")] = None
    timezone: Annotated[str | None, Field(description="IANA zone in which a day begins; else UTC.")] = None
    publisher: Annotated[list[str] | None, Field(description="Who published a source.")] = None
    tag: list[str] | None = None
    other: Annotated[
        dict[str, Scalar | list[Scalar]],
        Field(
            description="Any other filter by its name: a facet of `list_kinds`, `<measure>_min`, `<measure>_max`, "
            "`exclude` and `missing`, `bbox`, `external_id`, `related_to`, `id`.",
            examples=[{"munition": ["cruise_missile"], "launched_min": 100}],
        ),
    ] = {}

    @field_validator("other")
    @classmethod
    def _only_filters(cls, other: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no filter, and what is given by its own name."""
        if wrong := sorted(other.keys() & (PARAMETERS | cls.model_fields.keys())):
            raise ValueError(f"give {', '.join(wrong)} as an argument by that name, if the tool has it")
        return other

    def pairs(self) -> list[tuple[str, str]]:
        """The filter as names and values of a query string."""
        return list(pairs_of(self.model_dump(exclude={"other"}) | self.other))


class ChangeFilter(EventFilter):
    """Which changes: those of events that match, before the change or after it."""

    change: Annotated[
        list[Literal["created", "updated", "deleted"]] | None, Field(description="Which sorts of change.")
    ] = None


def pairs_of(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values of a query string; a list is a name that is repeated, None is left out."""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                yield name, str(one)
