"""Full text: one question that FTS5, a tsvector and plain Python answer alike."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.kinds import tokens

PARTS = re.compile(r'"([^"]*)"|(\S+)')


class Words(NamedTuple):
    """All of these words, these beginnings of words and these phrases."""

    words: tuple[str, ...]
    prefixes: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]

    @property
    def empty(self) -> bool:
        """Nothing to look for."""
        return not (self.words or self.prefixes or self.phrases)

    def match(self, title: str, summary: str) -> bool:
        """The texts, given as tokens joined by spaces, hold all of it; no phrase spans the two."""
        held = {*title.split(), *summary.split()}
        texts = (f" {title} ", f" {summary} ")
        return (
            held.issuperset(self.words)
            and all(any(word.startswith(prefix) for word in held) for prefix in self.prefixes)
            and all(any(f" {' '.join(phrase)} " in text for text in texts) for phrase in self.phrases)
        )

    def fts5(self) -> str:
        """The question in FTS5's language."""
        quoted = [f'"{word}"' for word in self.words]
        quoted += [f'"{prefix}" *' for prefix in self.prefixes]
        quoted += [f'"{" ".join(phrase)}"' for phrase in self.phrases]
        return " AND ".join(quoted)

    def tsquery(self) -> str:
        """The question for the tsvector; phrases are narrowed by their words and settled on the text."""
        inner = dict.fromkeys([*self.words, *(word for phrase in self.phrases for word in phrase)])
        return " & ".join([*(f"'{word}'" for word in inner), *(f"'{prefix}':*" for prefix in self.prefixes)])


def parse_words(text: str) -> Words:
    """Read words, "quoted phrases" and prefix*; a word of several tokens, such as F-16, is a phrase."""
    words: list[str] = []
    prefixes: list[str] = []
    phrases: list[tuple[str, ...]] = []
    for quoted, bare in PARTS.findall(text):
        found = tokens(quoted or bare.rstrip("*"))
        if bare.endswith("*") and found:
            prefixes.append(found.pop())
        if len(found) == 1:
            words.extend(found)
        elif found:
            phrases.append(tuple(found))
    return Words(tuple(words), tuple(prefixes), tuple(phrases))


def tsvector(title: str, summary: str) -> str:
    """The words as a tsvector literal."""
    return " ".join(f"'{word}'" for word in dict.fromkeys([*title.split(), *summary.split()]))
