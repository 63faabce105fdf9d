"""The file of sources is read strictly, and each mistake is one sentence that names file, source and key."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app.settings import SettingsError
from app.sources.config import expand, read_sources
from app.sources.providers import providers

DOCS = Path(__file__).parents[2] / "docs"
GOOD = 'name = "a"\nurl = "https://a.example/f.csv"\ndataset = "sitrep"\nevery = "1h"\n'
MISTAKES = {
    "": "there is no source in this file; each begins with [[source]] or [source.NAME].",
    "a = 1": "a is no key of this file, which has [[source]] alone.",
    "[[source]": "this is not TOML: ",
    '[[source]]\nurl = "x"': (
        "source number 1: name: it is missing.",
        "source number 1: every: it is missing.",
    ),
    f"[[source]]\n{GOOD}[[source]]\n{GOOD}": "source a: name: there are two sources of this name.",
    f'[[source]]\n{GOOD}headrs = "x"': "source a: headrs: there is no such key; did you mean headers?",
    f"[[source]]\n{GOOD}options = {{ lenent = true }}": (
        "source a: options.lenent: there is no such key; did you mean lenient?"
    ),
    f"[[source]]\n{GOOD}options = {{ lenient = 1 }}": "source a: options.lenient: input should be a valid boolean.",
    f"[[source]]\n{GOOD}options = {{ since = '2026-01-01' }}": (
        "source a: options.since: a source of type plain does not have this option."
    ),
    f"[[source]]\n{GOOD}type = 'gdelt'\noptions = {{ since = 'May' }}": (
        "source a: options.since: must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z."
    ),
    f"[[source]]\n{GOOD}options = {{ map = 'mine.toml' }}": "source a: options.map: there is no file FOLDER/mine.toml.",
    f'[[source]]\n{GOOD}type = "gdlt"': "source a: type: gdlt is not a type of source; did you mean gdelt?",
    f"[[source]]\n{GOOD}headers = {{ a = 'x $NOT_SET' }}": (
        "source a: headers.a: the variable NOT_SET of the environment is not set."
    ),
    f'[[source]]\n{GOOD}type = "acled_api"': "source a: oauth: it is missing; a source of type acled_api needs it.",
    f"[[source]]\n{GOOD.replace('1h', '10s')}": "source a: every: must be from a minute to a year.",
    f"[[source]]\n{GOOD.replace('1h', 'daily')}": (
        'source a: every: must be a number and a unit, such as "15m", "6h" or "1d".'
    ),
    f"[[source]]\n{GOOD.replace('sitrep', 'sitrp')}": "source a: dataset: sitrp is not a dataset; did you mean sitrep?",
    f"[[source]]\n{GOOD.replace('https', 'ftp')}": "source a: url: it must begin with https:// or http:// or file://.",
    '[source."A b"]\nurl = "https://a.example/"\nevery = "1h"\ndataset = "sitrep"': (
        "source A b: name: it must be of small letters, digits, - and _, at most 64."
    ),
    '[source.a]\nurl = "https://a.example/"\nevery = "1h"': (
        "source a: dataset: it is missing; name a dataset, or a layout by options.map."
    ),
}


def test_every_mistake_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    for text, expected in MISTAKES.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            read_sources(path, providers(), {})
        told = str(caught.value).splitlines()
        sentences = [expected] if isinstance(expected, str) else list(expected)
        wanted = [f"{path}: {sentence.replace('FOLDER', str(tmp_path))}" for sentence in sentences]
        assert [line.startswith(begin) for line, begin in zip(told, wanted, strict=False)] == [True] * len(wanted), told
    with pytest.raises(SettingsError, match=r"nowhere.toml: the file of sources cannot be read: No such file"):
        read_sources(tmp_path / "nowhere.toml", providers(), {})


def test_both_forms_are_read_and_secrets_stay_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    path = tmp_path / "sources.toml"
    path.write_text(
        "[source.b]\n"
        + GOOD.removeprefix('name = "a"\n')
        + "headers = { x = 'Bearer ${TOKEN}$$' }\n"
        + "options = { map = 'mine.toml', lenient = true, date_order = 'day-first' }\n",
        encoding="utf-8",
    )
    [found] = read_sources(path, providers(), {"TOKEN": "s3cret"})
    assert (found.name, found.type, found.every) == ("b", "plain", timedelta(hours=1))
    assert found.options.map == str(tmp_path / "mine.toml")
    assert "s3cret" not in repr(found)
    assert expand(found.headers["x"], {"TOKEN": "s3cret"}) == "Bearer s3cret$"


def test_each_example_of_the_docs_is_read() -> None:
    examples = sorted((DOCS / "sources").glob("*.toml"))
    found = {}
    for path in examples:
        names = re.findall(r"\$\{?(\w+)", path.read_text(encoding="utf-8"))
        found[path.stem] = read_sources(path, providers(), dict.fromkeys(names, "x"))
    assert {source.type for sources in found.values() for source in sources} == {*providers()}
    page = (DOCS / "sources.md").read_text(encoding="utf-8")
    assert all(f"(sources/{path.name})" in page for path in examples)
    assert all(f"| `{name}` |" in page for name in providers())
