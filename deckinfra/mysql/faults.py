"""What a server refuses, told in our own errors: what it was, whether anything changed, what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deckinfra.core.secret import redact
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, DeckinfraError, LockedError

if TYPE_CHECKING:
    import pymysql

# https://dev.mysql.com/doc/mysql-errors/9.7/en/ and https://mariadb.com/kb/en/mariadb-error-codes/
NO_SUCH_DATABASE: Final = 1049
NO_SUCH_TABLE: Final = 1146
TABLE_EXISTS: Final = 1050
BAD_TABLE: Final = 1051
INVALID_VIEW: Final = 1356
TRIGGER_IN_WRONG_SCHEMA: Final = 1435
BREAKS_GTID: Final = 1785
LOCK_WAIT_TIMEOUT: Final = 1205
DEADLOCK: Final = 1213
NOT_SUPPORTED: Final = 1235
NEEDS_PRIVILEGE: Final = 1227
ACCESS_DENIED: Final = frozenset({1044, 1142, 1143, NEEDS_PRIVILEGE, 1370, 1419})
BUSY: Final = frozenset({LOCK_WAIT_TIMEOUT, DEADLOCK, 3058, 3572})
GONE: Final = frozenset({0, 1053, 1927, 2006, 2013, 4031})

_ADMIN_HINT: Final = (
    "Backups and restores need an account that may do this: set DATABASE_ADMIN_USER and DATABASE_ADMIN_PASSWORD."
)
_SERVER_HINT: Final = "Nothing was changed. Is the server running, and are DATABASE_URL's host and port right?"
_SILENT_HINT: Final = (
    "Nothing was changed. Something takes connections there and is no server that works: "
    "is it starting, stopped or paused, or is DATABASE_URL's port another program's?"
)
_DISK_HINT: Final = "What was live is live still. Make room on the server's disk and run it again."
_CONNECTIONS_HINT: Final = "Nothing was changed. Run it again later, or raise the server's limit of connections."

_KNOWN: Final[dict[int, tuple[str, str]]] = {
    **dict.fromkeys(
        (1045, 1698),
        ("refuses this user or password", "Nothing was changed. Look at the user in DATABASE_URL and its password."),
    ),
    **dict.fromkeys(ACCESS_DENIED, ("does not let this user do that", _ADMIN_HINT)),
    NO_SUCH_DATABASE: ("does not exist on its server", "Nothing was changed. Look at the name in DATABASE_URL."),
    1040: ("has no connection free", _CONNECTIONS_HINT),
    1203: ("has no connection free for this user", _CONNECTIONS_HINT),
    1226: ("has no connection free for this user", _CONNECTIONS_HINT),
    1130: ("does not let this machine in", "Nothing was changed. Allow the account to connect from here."),
    1290: ("is read only", "Nothing was changed. Is it a replica? Then use the URL of the primary."),
    1836: ("is read only", "Nothing was changed. Is it a replica? Then use the URL of the primary."),
    1021: ("has no room on its disk", _DISK_HINT),
    1114: ("has no room on its disk", _DISK_HINT),
    2002: ("cannot be reached", _SERVER_HINT),
    2003: ("cannot be reached", _SERVER_HINT),
}
_REFUSED_HINT: Final = (
    "What it said is its own reason. Set that right and run it again: what was left half done is cleaned up then."
)
_GONE: Final = ("went away", "Look at the server's log, then run it again: what was left half done is cleaned up then.")


@contextmanager
def translated(url: DatabaseURL, *, connecting: bool = False) -> Iterator[None]:
    """Raise what PyMySQL raises in the context as :class:`DatabaseError` or :class:`LockedError`."""
    import pymysql

    try:
        yield
    except pymysql.err.Error as error:
        if connecting and _code(error) in GONE:
            raise DatabaseError(
                f"the database {url} does not answer: {reason(error, url)}", hint=_SILENT_HINT
            ) from error
        raise database_error(error, url) from error


def database_error(error: pymysql.err.Error, url: DatabaseURL) -> DeckinfraError:
    """Make ours of PyMySQL's."""
    code, text = _code(error), reason(error, url)
    if code in BUSY:
        return LockedError(
            f"the database {url} is kept busy by others: {text}",
            hint="What was not finished was taken back. Run it again when they are done.",
        )
    if code in GONE:
        what, hint = _GONE
    elif isinstance(getattr(error, "original_exception", None), socket.gaierror):
        what, hint = "is on a host that is not known", "Nothing was changed. Is the host in DATABASE_URL right?"
    else:
        what, hint = _KNOWN.get(code, ("refused a statement", _REFUSED_HINT))
    return DatabaseError(f"the database {url} {what}: {text}", hint=hint)


def reason(error: pymysql.err.Error, url: DatabaseURL) -> str:
    """Give what the server or the driver said, on one line, without the password."""
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    return redact(" ".join(text.split()), [url.password] if url.password else []) or type(error).__name__


def code_of(error: DeckinfraError) -> int:
    """Give the server's number of an error that :func:`translated` raised, or -1 if it has none."""
    import pymysql

    return _code(error.__cause__) if isinstance(error.__cause__, pymysql.err.Error) else -1


def _code(error: pymysql.err.Error) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else -1
