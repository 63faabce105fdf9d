"""The file of a SQLite database: opened only where it exists, read, watched while it is used, its failures named."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.sql.expression import Executable

from app.db.compiler import Statement, WriteConflict, as_statement
from app.db.faults import DatabaseUnusable, unavailable
from app.db.functions import FUNCTIONS
from app.db.revision import needed_schema
from app.errors import DiskFull, Problem, Unavailable

BUSY_TIMEOUT_S = 3.0
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=20000",
    "PRAGMA temp_store=MEMORY",
)
ROOMY = ("PRAGMA cache_size=-65536", "PRAGMA mmap_size=1073741824")
LEAN = ("PRAGMA cache_size=-16384",)
UNREACHABLE = "The database cannot be used right now; try again."
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
FAILING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_ABORT,
    }
)
Identity = tuple[int, int]


class SqliteFile:
    """A database file and its write-ahead log, which must stay the ones that were opened.

    A file that is removed or replaced while it is open takes writes that are gone when it is closed. So each use
    compares what the path names now with what was opened, which costs two calls of `stat`.
    """

    def __init__(self, path: str, *, lean: bool = False) -> None:
        """Name the file; it is looked at when it is opened.

        A `lean` connection has 16 MiB of pages in memory; others have 64 MiB, and 1 GiB of the file mapped.
        """
        self.path = path
        self._pragmas = (*PRAGMAS, *(LEAN if lean else ROOMY))
        self._wal = path + "-wal"
        self._file: Identity | None = None
        self._log: Identity | None = None
        self._size = 0
        self._damage: str | None = None

    def open(self) -> sqlite3.Connection:
        """Connect to the file, which must exist, as every part of Sitrep uses it."""
        with self.translate_errors():
            require_exists(self.path)
            if self._file is not None:
                self.check()
            connection = sqlite3.connect(
                f"file:{quote(self.path)}?mode=rw",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=1000,
            )
            try:
                for pragma in self._pragmas:
                    connection.execute(pragma)
                for name, function in FUNCTIONS.items():
                    connection.create_function(name, -1, function, deterministic=True)
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from now on the log exists
                self._remember()
            except BaseException:
                connection.close()
                raise
            return connection

    def check(self) -> None:
        """Refuse to go on when the path names another file than the open one, or one that was cut."""
        try:
            file, log = os.stat(self.path), os.stat(self._wal)  # noqa: PTH116 (a Path costs as much as the call)
        except OSError:
            raise self._moved("is gone") from None
        if (file.st_dev, file.st_ino) != self._file or (log.st_dev, log.st_ino) != self._log:
            raise self._moved("was replaced")
        if file.st_size < self._size:
            self._refuse_cut(file.st_size)
        self._size = file.st_size

    def refuse_damaged(self) -> None:
        """Refuse what must not be done with a file that was found damaged: writing, and being ready."""
        if self._damage is not None:
            raise damaged_file(self.path, self._damage)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Tell a full disk, a busy, missing or damaged file and a write conflict apart."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise WriteConflict(str(error)) from error
        except sqlite3.DatabaseError as error:
            problem = problem_of(error, self.path)
            if problem is None:
                raise
            if isinstance(problem.__cause__, DatabaseUnusable) and problem.__cause__.permanent:
                self._damage = str(error)
            raise problem from (problem.__cause__ or error)

    def _remember(self) -> None:
        """Note which files were opened, once; a later connection must have opened the same."""
        if self._file is not None:
            self.check()
            return
        file, log = Path(self.path).stat(), Path(self._wal).stat()
        self._size = file.st_size
        self._file, self._log = (file.st_dev, file.st_ino), (log.st_dev, log.st_ino)

    def _moved(self, what: str) -> Problem:
        return unavailable(
            f"The database file {what}; the server must be stopped and started again.",
            f"The file {self.path} or its -wal {what} while it was open: put it back, or stop this process and"
            " start it again.",
        )

    def _refuse_cut(self, size: int) -> None:
        """A file that became smaller is fine after VACUUM, and damaged when it lacks pages that its header counts."""
        if declared_size(self.path) > size:
            self._damage = "it was cut"
            raise damaged_file(self.path, self._damage)


def declared_size(path: str) -> int:
    """How long the file is by its own header, in bytes."""
    with Path(path).open("rb") as file:
        head = file.read(32)
    page = int.from_bytes(head[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")


def require_exists(path: str) -> None:
    """Say what is missing: no command but `migrate` and `demo` makes a database file."""
    require_possible_file(path)
    if not Path(path).exists():
        problem = needed_schema().mismatch([])
        raise problem from DatabaseUnusable(f"There is no file {path} yet: run `sitrep migrate`.")


def require_possible_file(path: str) -> None:
    """Refuse for good a path that `migrate` could make no file at: its directory is missing, or it is one itself."""
    file = Path(path)
    if file.is_dir():
        raise unavailable(UNREACHABLE, f"{path} is a directory: name a file in it.", permanent=True)
    folder = file.absolute().parent
    if not folder.is_dir():
        what = "is not a directory" if folder.exists() else "does not exist"
        sentence = f"The directory {folder} of the database file {what}: make it, or correct the path."
        raise unavailable(UNREACHABLE, sentence, permanent=True)


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's code of an error without what it adds to it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def problem_of(error: sqlite3.DatabaseError, path: str) -> Problem | None:
    """What the API says of a failing file; None for a faulty statement, which stays itself."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return DiskFull("The disk is full: nothing was written. Reading goes on.")
    if code == sqlite3.SQLITE_INTERRUPT:
        return Unavailable("The question was given up.")
    if code in DAMAGED or "Could not decode to UTF-8" in str(error):
        return damaged_file(path, str(error))
    if code in FAILING:
        return unavailable(UNREACHABLE, explain(error, path))
    return None


def damaged_file(path: str, how: str) -> Problem:
    """The refusal for a file that cannot be trusted any more."""
    return unavailable(
        "The database file is damaged: its operator must restore a backup.",
        f"{path} is damaged or not a SQLite database ({how}): restore a backup, or correct the path.",
        permanent=True,
    )


def explain(error: sqlite3.DatabaseError, path: str) -> str:
    """Say in one sentence why the file cannot be used."""
    code, file = primary_code(error), Path(path)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"Another process keeps {path} locked."
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            return f"The file {path} may not be read and written by this user: change its owner or mode."
        if not os.access(file.absolute().parent, os.W_OK | os.X_OK):
            return f"The directory {file.absolute().parent} may not be written by this user: SQLite makes files in it."
    return f"The file {path} cannot be used: {error}."


class SqliteRead:
    """One statement on a reader thread, which whoever waits for it may interrupt."""

    def __init__(self, statement: Statement | Executable, values: Mapping[str, Any] | None) -> None:
        self._statement = statement
        self._values = values
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._given_up = False

    def run(self, connection: sqlite3.Connection) -> list[Any]:
        """Read on this connection."""
        with self._lock:
            if self._given_up:
                return []
            self._connection = connection
        try:
            return run_select(connection, self._statement, self._values)
        finally:
            with self._lock:
                self._connection = None

    def interrupt(self) -> None:
        """Nobody waits for the rows any more."""
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                self._connection.interrupt()


def run_select(
    connection: sqlite3.Connection, statement: Statement | Executable, values: Mapping[str, Any] | None
) -> list[Any]:
    """Run a reading statement and take all its rows."""
    compiled = as_statement(statement).on("sqlite")
    found = connection.execute(compiled.sql, compiled.arguments(values or {})).fetchall()
    return compiled.rows(found) if compiled.results else found
