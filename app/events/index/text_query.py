"""Full text questions: what `q` means, for FTS5, for a tsvector, and for a text in hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from app.kinds import WordPosition, word_positions

MAX_WORDS = 300
# A "phrase" or a word; a hyphen before it means: without.
PARTS = re.compile(r'(-*)(?:"([^"]*)"|([^\s"]+))')
QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
# A word so short is looked for in its own script only, unless it is part of a phrase, such as Su-34.
SHORT = 2
# From a term of one place to the terms of the next, in an indexed text.
STEP = "[^ ]* [^ ]*"
TERM = re.compile("[^/ \n]+")


@dataclass(frozen=True)
class Phrase:
    """A word, or words that follow one another; with `absent` the text must not have them."""

    spots: tuple[WordPosition, ...]
    absent: bool = False

    @property
    def indexed(self) -> bool:
        """The index alone can settle it: it knows words, and not their order."""
        return len(self.spots) == 1

    @cached_property
    def pattern(self) -> str:
        """A regular expression that Python and PostgreSQL understand; terms are letters, marks and digits."""
        return STEP.join(f"/(?:{'|'.join(spot.terms)}){'' if spot.prefix else '/'}" for spot in self.spots)

    @cached_property
    def _starts(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(f"/{term}{'' if spot.prefix else '/'}" for term in spot.terms) for spot in self.spots)

    def occurs(self, text: str) -> bool:
        """The indexed text has these words, in this order."""
        if not all(any(start in text for start in starts) for starts in self._starts):
            return False
        return self.indexed or expression(self.pattern).search(text) is not None


@dataclass(frozen=True)
class Clause:
    """What OR joins: one of these must hold."""

    phrases: tuple[Phrase, ...]

    @cached_property
    def wanted(self) -> bool:
        """Nothing in it is to be absent."""
        return not any(phrase.absent for phrase in self.phrases)

    @cached_property
    def unwanted(self) -> bool:
        """It is one phrase that is to be absent."""
        return len(self.phrases) == 1 and not self.wanted

    @cached_property
    def indexed(self) -> bool:
        """The index alone can settle it."""
        return (self.wanted or self.unwanted) and all(phrase.indexed for phrase in self.phrases)

    def holds(self, text: str) -> bool:
        """The indexed text passes."""
        return any(phrase.occurs(text) != phrase.absent for phrase in self.phrases)

    @property
    def pattern(self) -> str:
        """A regular expression for the phrases of which one is wanted, or for the one that is not."""
        if self.wanted or self.unwanted:
            return "|".join(phrase.pattern for phrase in self.phrases)
        ways = [f"(?{'!' if phrase.absent else '='}.*{phrase.pattern})" for phrase in self.phrases]
        return f"^(?:{'|'.join(ways)})"


@dataclass(frozen=True)
class TextQuery:
    """All of these clauses must hold; `text` is what the user wrote."""

    text: str
    clauses: tuple[Clause, ...]

    @cached_property
    def indexed(self) -> bool:
        """The index alone can settle the question."""
        return all(clause.indexed for clause in self.clauses)

    def match(self, text: str) -> bool:
        """The indexed text, as `search_text` writes it, passes."""
        return all(clause.holds(text) for clause in self.clauses)

    def fts5(self) -> str:
        """What FTS5 can tell of the question, where it asks for something; narrows it unless it is `indexed`."""
        wanted, unwanted = self._wanted(fts5_spot, " OR ", " AND "), self.fts5_unwanted()
        return f"({wanted}) NOT ({unwanted})" if wanted and unwanted else wanted

    def fts5_unwanted(self) -> str:
        """The words that are to be absent, in FTS5's language, which can only take them from what is asked for."""
        return " OR ".join(fts5_spot(spot) for spot in self._absent())

    def tsquery(self) -> str:
        """What a tsvector can tell of the question; narrows it unless it is `indexed`."""
        wanted = self._wanted(tsquery_spot, " | ", " & ")
        return " & ".join(filter(None, [wanted, *(f"!({tsquery_spot(spot)})" for spot in self._absent())]))

    @cached_property
    def asks(self) -> bool:
        """It names something that the index can look up, not only what is to be absent."""
        return any(clause.wanted for clause in self.clauses)

    @cached_property
    def patterns(self) -> tuple[list[str], list[str]]:
        """Regular expressions that must match, and that must not, where the index cannot settle the clause."""
        open_ = [clause for clause in self.clauses if not clause.indexed]
        return (
            [clause.pattern for clause in open_ if not clause.unwanted],
            [clause.pattern for clause in open_ if clause.unwanted],
        )

    def _wanted(self, spell: Callable[[WordPosition], str], either: str, both: str) -> str:
        """The clauses that want something; of a phrase its words, in any order."""
        return both.join(
            f"({either.join(f'({both.join(map(spell, phrase.spots))})' for phrase in clause.phrases)})"
            for clause in self.clauses
            if clause.wanted
        )

    def _absent(self) -> list[WordPosition]:
        return [c.phrases[0].spots[0] for c in self.clauses if c.unwanted and c.indexed]


def fts5_spot(spot: WordPosition) -> str:
    """One of the terms of a word, in FTS5's language."""
    star = " *" if spot.prefix else ""
    return "(" + " OR ".join(f'"{term}"{star}' for term in spot.terms) + ")"


def tsquery_spot(spot: WordPosition) -> str:
    """One of the terms of a word, in PostgreSQL's language."""
    star = ":*" if spot.prefix else ""
    return "(" + " | ".join(f"'{term}'{star}" for term in spot.terms) + ")"


def tsvector(text: str) -> str:
    """The terms of an indexed text as a tsvector literal."""
    return " ".join(f"'{term}'" for term in dict.fromkeys(TERM.findall(text)))


@lru_cache(1000)
def parse_text_query(text: str) -> TextQuery:
    """Read words, "phrases", begin*, -without and OR, which binds its neighbours; all else must hold together.

    A word of several terms, such as F-16, is a phrase. Punctuation by itself, and an OR without a neighbour, are
    passed over. Raises ValueError for more than 300 words.
    """
    clauses: list[dict[Phrase, None]] = []
    joins = False
    for hyphens, quoted, bare in PARTS.findall(text.translate(QUOTES)):
        if bare == "OR" and not hyphens:
            joins = bool(clauses)
            continue
        phrase = Phrase(keep_script_of_short_word(word_positions(quoted or bare)), absent=bool(hyphens))
        if not phrase.spots:
            continue
        if not joins:
            clauses.append({})
        clauses[-1][phrase] = None
        joins = False
    found = tuple(dict.fromkeys(Clause(tuple(phrases)) for phrases in clauses))
    if sum(len(phrase.spots) for clause in found for phrase in clause.phrases) > MAX_WORDS:
        raise ValueError(MAX_WORDS)
    return TextQuery(text, found)


def keep_script_of_short_word(found: Sequence[WordPosition]) -> tuple[WordPosition, ...]:
    """A short word that stands alone is looked for in its own script only."""
    if len(found) == 1 and len(found[0].terms[0]) <= SHORT:
        return (found[0]._replace(terms=found[0].terms[:1]),)
    return tuple(found)


@lru_cache(1000)
def expression(pattern: str) -> re.Pattern[str]:
    """The compiled pattern; indexed texts have more than one line."""
    return re.compile(pattern, re.DOTALL)
