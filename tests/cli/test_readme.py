"""The calls that README.md and the tutorial show answer as shown; `…` stands for anything, line breaks for nothing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import client_of, load_samples

if TYPE_CHECKING:
    from conftest import MakeApp
    from httpx import AsyncClient, Response

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONSOLE = re.compile(r"```console\n(?:\$ KEY=[^\n]+\n)?\$ (curl .*?)\n(\{.*?)\n```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


async def call(client: AsyncClient, command: str, key: str) -> Response:
    """Do as curl would."""
    _, *words = shlex.split(command.replace("$KEY", key))
    url, *options = words
    path = url.removeprefix(ADDRESS)
    given = list(zip(options[::2], options[1::2], strict=True))
    method = next((value for option, value in given if option == "-X"), None)
    headers = [(name, value) for option, field in given if option == "-H" for name, value in [field.split(": ")]]
    bodies = [value for option, value in given if option == "-d"]
    if not bodies:
        return await client.get(path, headers=headers)
    return await client.request(method or "POST", path, headers=headers, content=bodies[0])


def pattern(shown: str) -> re.Pattern[str]:
    """What an answer must look like."""
    parts = (r"\s*".join(map(re.escape, part.split())) for part in shown.split("…"))
    return re.compile(".+?".join(parts))


@pytest.mark.parametrize(("page", "calls"), [("README.md", 3), ("docs/tutorial.md", 9)])
async def test_the_calls_of_the_page_answer_as_it_says(
    make_app: MakeApp, admin_key: str, page: str, calls: int
) -> None:
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    examples = CONSOLE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(examples) == calls
    async with client_of(app) as client:
        for command, shown in examples:
            answer = await call(client, command, admin_key)
            assert pattern(shown).fullmatch(answer.text), answer.text


@pytest.mark.parametrize(
    "line", [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("curl '")]
)
async def test_the_other_calls_of_the_readme_find_something(make_app: MakeApp, line: str) -> None:
    app = await make_app(anonymous_read=True)
    await load_samples(app.state.services.store)
    async with client_of(app) as client:
        path = line.split("'")[1].removeprefix(ADDRESS)
        answer = await client.get(path)
        assert answer.status_code == 200
        assert len(answer.text) > 1000
