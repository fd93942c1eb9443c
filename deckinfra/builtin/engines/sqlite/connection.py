"""Connections to SQLite files: errors in our words, waits with a limit, copies by the online backup API.

A live database file is only ever opened by SQLite itself: closing any other descriptor of it would
drop the locks that connections in this process hold on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from deckinfra.errors import DatabaseError, DeckinfraError, LockedError

BUSY_TIMEOUT: Final = 30.0
"""Seconds to wait for a writer, or for readers, to let go of the database, unless told otherwise."""

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "The disk is full. What was live before is live still; make room and run it again.",
    sqlite3.SQLITE_READONLY: "It cannot be written: look at the owner and mode of the file and of its folder.",
    sqlite3.SQLITE_CANTOPEN: "Look at the owner and mode of the file and of its folder.",
    sqlite3.SQLITE_CORRUPT: "Make a copy of the file before anything else; then restore: 'invoke db.restore'.",
    sqlite3.SQLITE_NOTADB: "Is DATABASE_URL right? If it is, restore: 'invoke db.restore' keeps that file aside.",
}


def is_unreadable(error: sqlite3.Error) -> bool:
    """Whether ``error`` says that the file is no database, or one that is damaged."""
    return _code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def needs_application(error: sqlite3.Error) -> bool:
    """Whether ``error`` says that a function or collation is missing, which the application brings itself."""
    return _code(error) == sqlite3.SQLITE_ERROR


def is_of_the_disk(error: sqlite3.Error) -> bool:
    """Whether ``error`` says that the disk is full, or does not do what it is told."""
    return _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def translated(error: sqlite3.Error, path: Path, *, patience: float = BUSY_TIMEOUT) -> DeckinfraError:
    """Put SQLite's error in our words."""
    code = _code(error)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LockedError(
            f"the database {path} is kept busy by another process",
            hint=f"Waited {patience:g} s. Nothing was changed; run it again when that is done.",
        )
    return DatabaseError(f"SQLite cannot use {path}: {error}", hint=_HINTS.get(code, ""))


def _code(error: sqlite3.Error) -> int:
    """Give SQLite's primary result code (https://www.sqlite.org/rescode.html), or 0 where it gave none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def connect(path: Path, *, immutable: bool = False, patience: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Open an existing database, in autocommit mode; ``patience`` is how many seconds it waits for others.

    With ``immutable`` nobody writes to the file, and SQLite makes no files beside it. Otherwise it is
    opened for writing where it can be, since only then SQLite can roll back what a dead writer left.
    """
    options = "mode=ro&immutable=1" if immutable else "mode=rw"
    uri = f"file:{quote(os.fsencode(path))}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)


def version(path: Path, connection: sqlite3.Connection) -> int:
    """Give a number that changes with every commit of others to ``path``, on which ``connection`` stays open.

    In WAL mode SQLite tells it. Otherwise it would have to wait for the lock that the asker holds, so the file
    change counter is read from the header (https://www.sqlite.org/fileformat2.html, 1.3.7).
    """
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "wal":
        (number,) = connection.execute("PRAGMA data_version").fetchone()
        return int(number)
    return int.from_bytes(_read_open_file(path, 4, 24), "big")


def _read_open_file(path: Path, size: int, offset: int) -> bytes:
    """Read from a file that a connection has open, through the descriptor that SQLite has of it.

    One of our own would drop this process's locks on the file when it is closed.
    """
    wanted = path.stat()
    for name in [entry.name for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            content = os.pread(int(name), size, offset)
            if os.path.samestat(os.fstat(int(name)), wanted):
                return content
    raise DatabaseError(f"{path} was moved away while it was being restored", hint="Is somebody else at work there?")


@contextmanager
def opened(
    path: Path, *, immutable: bool = False, patience: float = BUSY_TIMEOUT, called: Path | None = None
) -> Iterator[sqlite3.Connection]:
    """Open an existing database as :func:`connect` does while the context is open.

    SQLite's errors in it come out as ours, about ``called`` where that is not the file itself.
    """
    try:
        with closing(connect(path, immutable=immutable, patience=patience)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise translated(error, called or path, patience=patience) from error


def copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    *,
    what: Path,
    patience: float,
    pages: int = -1,
    on_first: Callable[[], None] | None = None,
) -> None:
    """Copy a whole database by SQLite's online backup API, page by page as they are.

    With the default ``pages`` it is one step, so no writer can come between. ``on_first`` is called
    when the first ``pages`` are copied and the target is locked; its error undoes everything. A busy
    database is a :class:`LockedError` that names ``what``; the API itself would wait for ever.
    """
    deadline = time.monotonic() + patience
    waiting = on_first

    def watch(status: int, remaining: int, total: int) -> None:
        nonlocal deadline, waiting
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            if time.monotonic() > deadline:
                raise translated(_busy(), what, patience=patience)
            return
        deadline = time.monotonic() + patience
        if waiting is not None:
            waiting()
            waiting = None

    source.backup(target, pages=pages, progress=watch, sleep=0.02)


def _busy() -> sqlite3.Error:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error
