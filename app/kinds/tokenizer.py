"""Search terms: how the words of a text are indexed, and which terms a word of a question looks for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from anyascii import anyascii

from app.kinds.strings import fold

MAX_TERM_LENGTH = 100
# What a text may come to in the index; only thousands of names reach it. PostgreSQL's tsvector holds 1 MiB.
MAX_TEXT_LENGTH = 900_000
MAX_CACHED = 50_000
# A text of at most so many characters is likely to be a name.
SHORT = 40
# The first character of a term that holds how a Latin word, or a word of another script, is romanised.
LATIN, FOREIGN = "\N{ALMOST EQUAL TO}", "\N{TRIPLE TILDE}"

# Characters that are typed, set or printed for an apostrophe, or that romanisations write for a soft or hard sign.
APOSTROPHES = "'`\u00b4\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u0374\u055a\u05f3\u05f4\u07f4\u07f5"
APOSTROPHES += "\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201a\u201b\u2032\u2035\ua78b\ua78c\uff07\uff40"
TATWEEL, ZERO_WIDTH_SPACE = "\u0640", "\u200b"
# Scripts that write a sentence without spaces, and Hangul, whose words carry their particles.
UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u2fdf\u3005-\u3007"
    "\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3040-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff]+)"
)
# Marks that readers leave out: accents, points of Hebrew, vowel signs of Arabic. Those of other scripts are letters.
OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u077f\u07c0-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe2f"
    "\U000e0100-\U000e01ef]"
)
BETWEEN_DIGITS = re.compile(r"(?<=\d)'(?=\d)")
# Zelenskyy, Zelenskyi, Zelenskiy, Zelenskij, Zelenskii, Zelenski: all Zelensky.
NAME_ENDING = re.compile(r"(?<=[a-z]{3})(?:iy|ij|ii|yi|yy)$|(?<=[a-z]{2}sk)i$")
SOFT_BEFORE_VOWEL = re.compile("[\u044a\u044c](?=[\u0430\u0435\u043e\u0443\u044d\u0454])")
NOT_ROMAN = re.compile("[^a-z0-9]+")
ONE_SOUND = str.maketrans({"q": "k", "w": "v", "x": "ks", "y": "i", "j": "i"})
HARD_C = re.compile("c(?!h)")
SILENT_H, BREATHED, DOUBLED = re.compile("(?<=[stxz])h+"), re.compile("[kg]?h+"), re.compile(r"([a-z])\1+")


class WordPosition(NamedTuple):
    """A word of a question: one of these terms, or with `prefix` one that begins so, at one place of the text."""

    terms: tuple[str, ...]
    prefix: bool = False


class _Letters(dict[int, str]):
    """What stays of a character, found once: letters and digits, `'`, nothing, or a space where it divides words."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _letter(chr(code))
        return found


def _letter(character: str) -> str:
    category = unicodedata.category(character)
    found = character
    if character in APOSTROPHES:
        found = "'"
    elif category == "Nd":
        found = str(unicodedata.decimal(character))
    elif character == ZERO_WIDTH_SPACE or (category[0] not in "LMN" and category != "Cf"):
        found = " "
    elif category == "Cf" or character == TATWEEL or (category[0] == "M" and OPTIONAL_MARKS.match(character)):
        found = ""
    elif not character.isascii() and unicodedata.name(character, "").startswith("LATIN"):
        found = NOT_ROMAN.sub("", anyascii(character).lower()) or character
    return found


_LETTERS = _Letters()
_APOSTROPHES = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))


def search_text(texts: Iterable[str | None]) -> str:
    """Texts as they are indexed: the terms of each place between slashes, places apart by spaces, texts by lines.

    >>> search_text(["Kyiv's raid"])
    ' /kyivs/≈kivs/kyiv/≈kiv/ /raid/ '
    """
    written = " \n ".join(dict.fromkeys(filter(None, map(_places, filter(None, texts)))))
    if len(written) > MAX_TEXT_LENGTH // 4 and len(written.encode()) > MAX_TEXT_LENGTH:
        shortened = written.encode()[:MAX_TEXT_LENGTH].decode(errors="ignore")
        written = shortened[: shortened.rindex(" ")]
    return f" {written} "


def word_positions(text: str) -> list[WordPosition]:
    """The words that a question asks for one after the other; those of a `begin*` are prefixes."""
    found: list[WordPosition] = []
    for part in text.split():
        some = [spot for chunk in _chunks(part) for spot in _asked(chunk)]
        if part.endswith("*") and some and not UNSPACED.match(some[-1].terms[0]):
            some[-1] = _beginning(_chunks(part)[-1])
        found += some
    if len(found) > 1 and _is_tail(found[-2].terms[0], found[-1].terms[0]):
        found.pop()
    return found


def _is_tail(pair: str, last: str) -> bool:
    """The last character of a text without spaces, which the pair before it has named already."""
    return UNSPACED.match(last) is not None and pair.endswith(last) and pair != last


def _places(text: str) -> str:
    return _known_places(text) if len(text) <= SHORT else " ".join(filter(None, map(_indexed, _chunks(text))))


@lru_cache(MAX_CACHED)
def _known_places(name: str) -> str:
    """The places of a name, which the next event may well have too."""
    return " ".join(filter(None, map(_indexed, _chunks(name))))


def _chunks(text: str) -> list[str]:
    if text.isascii():
        return text.lower().translate(_LETTERS).split()
    bare = unicodedata.normalize("NFKD", fold(text.translate(_APOSTROPHES))).translate(_LETTERS)
    return unicodedata.normalize("NFC", bare).split()


@lru_cache(MAX_CACHED)
def _indexed(chunk: str) -> str:
    """The terms of what stands between two spaces of a text."""
    places = [_indexed_word(part) if not is_run else _indexed_run(part) for part, is_run in _parts(chunk)]
    return " ".join(filter(None, places))


def _indexed_word(word: str) -> str:
    parts = word.split("'")
    heard = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if len(part) > 1 and after != "t"]
    terms = dict.fromkeys(term for each in ("".join(parts), *heard) for term in _terms(each[:MAX_TERM_LENGTH]))
    return f"/{'/'.join(terms)}/"


def _indexed_run(run: str) -> str:
    signs = _signs(run)
    pairs = [f"/{one}/{one}{two}/" for one, two in pairwise(signs)]
    return " ".join([*pairs, f"/{signs[-1]}/"])


def _asked(chunk: str) -> list[WordPosition]:
    found: list[WordPosition] = []
    for part, is_run in _parts(chunk):
        if is_run:
            signs = _signs(part)
            found += [WordPosition((one + two,)) for one, two in pairwise(signs)]
            found.append(WordPosition((signs[-1],)))
        else:
            found.append(WordPosition(_sought(part.replace("'", "")[:MAX_TERM_LENGTH])))
    return found


def _parts(chunk: str) -> list[tuple[str, bool]]:
    """Words, and runs of characters that are written without spaces."""
    if chunk.isascii() and "'" not in chunk:
        return [(chunk, False)]
    found = []
    for n, piece in enumerate(UNSPACED.split(BETWEEN_DIGITS.sub(" ", chunk))):
        found += [(word, n % 2 == 1) for part in piece.split() if (word := part.strip("'"))]
    return found


def _signs(run: str) -> list[str]:
    """Characters, each with the marks that belong to it."""
    signs: list[str] = []
    for character in run:
        if signs and unicodedata.category(character)[0] == "M":
            signs[-1] = (signs[-1] + character)[:MAX_TERM_LENGTH]
        else:
            signs.append(character)
    return signs


def _terms(word: str) -> tuple[str, ...]:
    """The terms under which a word is indexed: its letters, and how they are romanised."""
    if not word.isascii():
        return (word, *(FOREIGN + sound for sound in _sounds(word)))
    name, sound = NAME_ENDING.sub("y", word), _sound(word)
    return (name,) if sound == name else tuple(dict.fromkeys((name, word, LATIN + sound)))


def _sought(word: str) -> tuple[str, ...]:
    """The terms that a word of a question looks for: its letters, and in the other scripts its sound."""
    if word.isascii():
        return NAME_ENDING.sub("y", word), FOREIGN + _sound(word)
    return (word, *(term for sound in _sounds(word) for term in (sound, LATIN + sound)))


def _beginning(chunk: str) -> WordPosition:
    """The last word of a chunk as a prefix."""
    word = _parts(chunk)[-1][0].replace("'", "")[:MAX_TERM_LENGTH]
    more = (FOREIGN + _sound(word + "h"),) if word.isascii() and word.endswith(("k", "c")) else ()  # for kh and ch
    return WordPosition(tuple(dict.fromkeys((word, *_sought(word), *more))), prefix=True)


def _sounds(word: str) -> tuple[str, ...]:
    """How a word that is not Latin is romanised; an E at its beginning may be a Ye."""
    roman = NOT_ROMAN.sub("", anyascii(SOFT_BEFORE_VOWEL.sub("\u0439", word)).lower())
    sound = _sound(roman)[:MAX_TERM_LENGTH]
    return (sound, "i" + sound) if sound.startswith("e") else (sound,) if sound else ()


def _sound(roman: str) -> str:
    """Letters that romanisations interchange are one: y, i, j; kh, gh, h, g; c, k, q; v, w; doubled and single."""
    return DOUBLED.sub(
        r"\1", BREATHED.sub("g", SILENT_H.sub("", HARD_C.sub("k", roman.translate(ONE_SOUND)).replace("ch", "x")))
    )[:MAX_TERM_LENGTH]


def texts_at(node: Any, paths: Iterable[Sequence[str]]) -> list[str]:
    """The strings at these paths of a model or of its JSON, in which a list stands for each of its items."""
    found: list[str] = []
    for path in paths:
        nodes = [node]
        for name in path:
            below: list[Any] = []
            for each in nodes:
                value = value_in(each, name)
                if type(value) is list:
                    below += value
                elif value is not None:
                    below.append(value)
            nodes = below
        found += nodes
    return found


def value_in(node: Any, name: str) -> Any:
    """A field of a model or of its JSON; None where an older version of the program wrote none."""
    return node.get(name) if type(node) is dict else getattr(node, name, None)
