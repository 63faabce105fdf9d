"""`q`: words of the event's title, summary and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.events.index.full_text import CONDITIONS, search_values, words_match
from app.events.index.text_query import MAX_WORDS, TextQuery, parse_text_query
from app.events.read.conditions.base import EventView, ResidualCondition
from app.events.read.filter_parsers import with_schema

DESCRIPTION = (
    "Words of the title, the summary, and the names and aliases of actors, places, targets and the like: all of them, "
    'in any order. `"a phrase"` is words that follow one another, `begin*` a word that begins so, `-word`, '
    '`-"a phrase"` and `-begin*` what must not be there. `OR`, in capitals, joins its two neighbours: '
    "`drones OR missiles kyiv` is (drones or missiles) and kyiv. Accents, case and the sort of apostrophe or hyphen "
    "make no difference, and words are found across scripts: `Kyiv` finds \u041a\u0438\u0457\u0432."
)


def read_search(value: Any) -> TextQuery:
    """Words, "quoted phrases", prefix*, -without and OR."""
    try:
        found = parse_text_query(value) if isinstance(value, str) else None
    except ValueError:
        raise PydanticCustomError("too-long", "Give at most {most} words.", {"most": MAX_WORDS}) from None
    if found is None or not found.clauses:
        raise PydanticCustomError("words", 'Give words, "quoted phrases" or a prefix* to look for.')
    return found


@dataclass(frozen=True)
class WithWords(ResidualCondition):
    """The text index tells, and the text itself where the order of words matters.

    Readers ask for it by name, as `words`: where few texts match, their events are looked up first.
    """

    parameters = {
        "q": Annotated[
            TextQuery | None,
            BeforeValidator(read_search),
            with_schema({"type": "string", "examples": ['drones "air raid" energ*']}),
            Field(description=DESCRIPTION),
        ]
    }
    cost_us = 40
    query: TextQuery

    def bind(self, dialect: str) -> Mapping[str, Mapping[str, Any]]:
        """What the index is asked, and what the text is."""
        values = search_values(self.query, dialect)
        return {form: values for form in CONDITIONS if form in values}

    @classmethod
    def sql(cls, form: str, dialect: str, event: Any) -> Any:
        """The event is among those that match, or not among those that must not."""
        return words_match(form, dialect, event)

    def matches(self, event: EventView) -> bool:
        return self.query.match(event.text)
