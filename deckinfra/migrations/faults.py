"""What a database refuses, told in our own errors: what it was, whether anything changed, what to do.

Only the driver's own words are passed on, never SQLAlchemy's: those carry statements and parameters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deckinfra.core.secret import redact
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, DeckinfraError, LockedError

_Fault = tuple[str, str]

_PATH_HINT: Final = "Nothing was changed. Look at DATABASE_URL, and at the folder's and the file's owner and mode."
_SERVER_HINT: Final = "Nothing was changed. Is the server running, and are DATABASE_URL's host and port right?"
_ACCESS_HINT: Final = "Nothing was changed. Look at the user in DATABASE_URL and at DATABASE_PASSWORD."
_GONE_HINT: Final = (
    "Rows that were not finished were taken back; a change of a table may stand. Look at the server's log, "
    "then at `invoke db.status`."
)
_LOCK_HINT: Final = "What was not finished was taken back. Run it again when the other one is done."

# The low byte of SQLite's result codes: https://www.sqlite.org/rescode.html
_SQLITE: Final[dict[int, _Fault]] = {
    8: ("cannot be written to", _PATH_HINT),
    10: ("cannot be read or written", "Look at the disk that it is on, then run it again."),
    11: ("is damaged", "Leave it as it is, and bring a backup back with `invoke db.restore`."),
    13: (
        "has no room left to grow: the disk is full",
        "What was not finished was taken back. Make room, run it again.",
    ),
    14: ("cannot be opened", _PATH_HINT),
    26: (
        "is not a SQLite database",
        "Nothing was changed. Look at DATABASE_URL; `invoke db.restore` replaces the file.",
    ),
}
_SQLITE_BUSY: Final = {5, 6}
_SQLITE_READ_ONLY: Final = 8

# https://dev.mysql.com/doc/mysql-errors/9.7/en/
_MYSQL: Final[dict[int, _Fault]] = {
    1040: ("has no connection free", "Nothing was changed. Run it again later, or raise the server's max_connections."),
    1044: ("refuses this user", _ACCESS_HINT),
    1045: ("refuses this user or password", _ACCESS_HINT),
    1049: ("does not exist on its server", "Nothing was changed. Create it, or look at the name in DATABASE_URL."),
    2002: ("cannot be reached", _SERVER_HINT),
    2003: ("cannot be reached", _SERVER_HINT),
    2006: ("went away", _GONE_HINT),
    2013: ("went away", _GONE_HINT),
}
_MYSQL_BUSY: Final = {1205, 1213}


@contextmanager
def translated(url: DatabaseURL) -> Iterator[None]:
    """Raise what SQLAlchemy raises in the context as the error that :func:`database_error` makes of it."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise database_error(error, url) from error


def database_error(error: Exception, url: DatabaseURL) -> DeckinfraError:
    """Make ours of SQLAlchemy's: a :class:`LockedError` if others were in the way, or a :class:`DatabaseError`."""
    code, text = _code(error), reason(error, url)
    if is_busy(error):
        return LockedError(f"the database {url} is in use by somebody else: {text}", hint=_LOCK_HINT)
    known = _known(error).get(code)
    if known is None:
        return DatabaseError(
            f"the database {url} refused: {text}",
            hint="What was not finished was taken back. `invoke db.status` compares it with the revisions.",
        )
    return DatabaseError(f"the database {url} {known[0]}: {text}", hint=known[1])


def is_busy(error: Exception) -> bool:
    """Whether a database's error says that it waited for another's lock in vain."""
    return _code(error) in (_SQLITE_BUSY if isinstance(_cause(error), sqlite3.Error) else _MYSQL_BUSY)


def is_outside(error: Exception) -> bool:
    """Whether an error comes from around a database (a lock, the disk, the network), not from what was asked of it."""
    return is_busy(error) or _code(error) in _known(error)


def is_read_only(error: Exception) -> bool:
    """Whether SQLite's error says that nothing may be written here."""
    return isinstance(_cause(error), sqlite3.Error) and _code(error) == _SQLITE_READ_ONLY


def reason(error: BaseException, url: DatabaseURL) -> str:
    """Give what the driver, or any other code, said: on one line, without the password."""
    from sqlalchemy.exc import SQLAlchemyError, StatementError

    cause = _cause(error)
    if isinstance(error, StatementError) and len(cause.args) > 1:  # PyMySQL: a number, then the text
        text = str(cause.args[1])
    elif isinstance(cause, SQLAlchemyError):  # its str() adds a link to SQLAlchemy's documentation
        text = str(cause.args[0])
    elif isinstance(cause, sqlite3.Error):
        text = str(cause)
    else:
        text = f"{type(cause).__name__}: {cause}"
    return redact(" ".join(text.split()), [url.password] if url.password else [])


def _cause(error: BaseException) -> BaseException:
    from sqlalchemy.exc import StatementError

    return error.orig if isinstance(error, StatementError) and error.orig is not None else error


def _known(error: Exception) -> dict[int, _Fault]:
    return _SQLITE if isinstance(_cause(error), sqlite3.Error) else _MYSQL


def _code(error: Exception) -> int:
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF
    return cause.args[0] if cause.args and isinstance(cause.args[0], int) else 0
