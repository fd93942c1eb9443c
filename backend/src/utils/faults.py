"""What a database's errors mean for whoever called the API: the one place that knows vendors' error codes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from src.utils.errors import ApiError, BadReference, Deadlock, Duplicate, Unavailable, driver_message

DUPLICATE: Final = frozenset({1062, 1169, 1586})
REFERENCE: Final = frozenset({1216, 1217, 1451, 1452})
VALUE: Final = frozenset({1048, 1264, 1265, 1292, 1366, 1406, 1690, 3140, 3819, 4025, 4078})
DEADLOCK: Final = frozenset({1020, 1213})  # 1020: MariaDB, the row has changed since the snapshot
LOCKED: Final = frozenset({1205, 3572})
BUSY: Final = frozenset({1040, 1203, 1226, 1969, 3024})
FULL: Final = frozenset({28, 1021, 1114})
UNPREPARED: Final = frozenset({1049, 1054, 1146})
DENIED: Final = frozenset({1044, 1045, 1142, 1698})
GONE: Final = frozenset({0, 1053, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1290, 1792, 1836, 1927, 3100, 3169, 4031})
CLIENT: Final = range(2000, 3000)
"""Codes of the client's own: no connection, or one that broke."""

SOON: Final = 1
LATER: Final = 5
"""Seconds after which to try again: a lock or a connection frees itself soon, a server takes longer."""

_SQLITE: Final = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: 1062,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: 1062,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: 1452,
    sqlite3.SQLITE_CONSTRAINT_CHECK: 3819,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: 1048,
}
_SQLITE_PRIMARY: Final = {
    sqlite3.SQLITE_BUSY: 1205,
    sqlite3.SQLITE_LOCKED: 1205,
    sqlite3.SQLITE_FULL: 1114,
    sqlite3.SQLITE_CANTOPEN: 2003,
    sqlite3.SQLITE_IOERR: 2013,
    sqlite3.SQLITE_READONLY: 1290,
    sqlite3.SQLITE_CORRUPT: 2013,
    sqlite3.SQLITE_NOTADB: 2013,
}
_NO_TABLE: Final = re.compile(r"no such (table|column)")
_KEY: Final = re.compile(r"for key '(?:[^']*\.)?([^'.]+)'\s*\Z|UNIQUE constraint failed: (.+)\Z")


@contextmanager
def translated(duplicates: Mapping[str, str]) -> Iterator[None]:
    """Raise what the database refuses in the context as an :class:`ApiError`; what is unexpected stays as it is.

    ``duplicates`` has a sentence for each unique key, by its name and by SQLite's ``table.column``.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise Unavailable("Every connection to the database is in use.", SOON) from error
    except DBAPIError as error:
        meant = meaning(error, duplicates)
        if meant is None:
            raise
        raise meant from error


def meaning(error: DBAPIError, duplicates: Mapping[str, str]) -> ApiError | None:
    """Give what to answer for a driver's error, or None where nobody expected it."""
    found = code(error)
    if found in DUPLICATE:
        return Duplicate(_sentence(driver_message(error), duplicates))
    if found in REFERENCE:
        return BadReference("Something that this refers to is not there.")
    if found in VALUE:
        return BadReference("The database cannot store one of these values.")
    if found in DEADLOCK:
        return Deadlock("The database was busy with a change that collided with this one.", SOON)
    if found in LOCKED:
        return Unavailable("Somebody else's change takes too long.", SOON)
    if found in BUSY:
        return Unavailable("The database is too busy.", SOON)
    if found in FULL:
        return Unavailable("The database has no room left.", LATER)
    if found in UNPREPARED:
        return Unavailable("The database is not ready for this version of the application.", LATER)
    if error.connection_invalidated or found in DENIED | GONE or found in CLIENT:
        return Unavailable("The database cannot be reached.", LATER)
    return None


def code(error: DBAPIError) -> int:
    """Give the server's error code, for SQLite the server's that means the same; -1 where there is none."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        extended = getattr(cause, "sqlite_errorcode", -1)
        if _NO_TABLE.search(str(cause)):
            return 1146
        return _SQLITE.get(extended, _SQLITE_PRIMARY.get(extended & 0xFF, -1))
    first = cause.args[0] if cause is not None and cause.args else -1
    # PyMySQL tells of a broken stream of packets by a sentence alone.
    return first if isinstance(first, int) else 2013


def reason(error: DBAPIError) -> str:
    """Say in a few words why a connection failed: for logs, and without the server's name or the user's."""
    found = code(error)
    if found in {1045, 1698}:
        return "it refuses the password"
    if found in {1044, 1142}:
        return "it refuses the user"
    if found == 1049:
        return "it has no such database"
    if found in BUSY:
        return "it takes no more connections"
    text = driver_message(error)
    if "timed out" in text:
        return "it does not answer"
    if "unable to open" in text:
        return "there is no such file, or it may not be opened"
    named = re.search(r"\[Errno -?\d+\] ([^)\]'\"]+)", text)
    return named[1].lower() if named else "the connection failed"


def _sentence(message: str, duplicates: Mapping[str, str]) -> str:
    match = _KEY.search(message)
    return duplicates.get((match[1] or match[2]) if match else "", "There is one like that already.")
