"""A request enters few of our own files: whoever follows it reads no more of them than this."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from walks import APP, PAGE, traced, walks

from app.kit.ids import read_id

if TYPE_CHECKING:
    from pathlib import Path

# Own files entered. Lower a number when a walk gets shorter; raise one only with a reason.
# `events/index/readiness.py` is on four of them: no answer is short because the index is not built.
# `auth/feed_token_middleware.py` is on four too: nothing behind it sees the token in an address.
# `changes/position_cache.py` is on two: it spares a filtered page two round trips.
# On a busy machine the store writes its estimates while a webhook is under way.
MOST = {"create": 40, "list": 41, "feed page": 40, "statistics": 36, "change to webhook": 42}


async def test_no_walk_gets_longer(tmp_path: Path) -> None:
    found = await walks(tmp_path)

    assert {name: walk.files for name, walk in found.items() if len(walk.files) > MOST[name]} == {}
    assert set(found) == set(MOST)


def test_what_is_entered_is_counted() -> None:
    with traced() as walk:
        read_id("no id")

    assert walk.files == ["kit/ids.py"]
    assert len(walk.functions) == walk.moves == 1


def test_the_page_shows_each_walk_and_names_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"(?m)^  (\S+\.py) ", text)

    assert set(re.findall(r"(?m)^([a-z ]+): \d+ files,", text)) == set(MOST)
    assert [name for name in named if not (APP / name).is_file()] == []
