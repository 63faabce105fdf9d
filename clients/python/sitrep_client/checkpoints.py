"""Where a reader of the feed keeps its position."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias


class Checkpoint(Protocol):
    """Whatever loads and saves a position, such as a row beside the data that was made of the feed."""

    def load(self) -> str | None:
        """The position that was saved last; None if there is none."""

    def save(self, cursor: str) -> None:
        """Keep this position in place of the one before."""


AnyCheckpoint: TypeAlias = str | os.PathLike[str] | Checkpoint


class CheckpointFile:
    """A position in a file: the cursor and a newline. After a crash it holds the old position or the new one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def load(self) -> str | None:
        with suppress(FileNotFoundError):
            return self._path.read_text(encoding="utf-8").strip()
        return None

    def save(self, cursor: str) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("wb", buffering=0) as file:
            file.write(f"{cursor}\n".encode())
            os.fsync(file.fileno())
        fresh.replace(self._path)


class Place:
    """How far a reader has come, and how much of that is kept."""

    def __init__(self, checkpoint: AnyCheckpoint | None) -> None:
        self._checkpoint = CheckpointFile(checkpoint) if isinstance(checkpoint, str | os.PathLike) else checkpoint
        self.position = self._kept = None if self._checkpoint is None else self._checkpoint.load()

    def keep(self) -> None:
        """Save the position if it moved since."""
        if self._checkpoint is not None and self.position is not None and self.position != self._kept:
            self._checkpoint.save(self.position)
            self._kept = self.position
