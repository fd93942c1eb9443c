"""The database's URL, in deckinfra's form: checked, with the password put in, and safe to tell of."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

SERVERS: Final = frozenset({"mysql", "mariadb"})
"""The dialects whose database is on a server."""

_FORMS: Final = "write mysql+pymysql://user@host:3306/name or sqlite:///var/app.db"


def parse_database_url(text: str, password: str | None, root: Path) -> URL:
    """Give SQLAlchemy's form of ``text``; ``password`` goes before one in the URL.

    A SQLite path is taken as it is written, and starts at ``root`` where it is relative. A
    :class:`ValueError` says what is wrong, without repeating any of ``text``: who knows where a password ends?
    """
    scheme, found, rest = text.partition("://")
    dialect, _, driver = scheme.partition("+")
    if not found or dialect not in SERVERS | {"sqlite"}:
        raise ValueError(f"it is no URL of MySQL, MariaDB or SQLite: {_FORMS}")
    if dialect == "sqlite":
        return _sqlite(driver, rest, root)
    if driver not in {"", "pymysql"}:
        raise ValueError("its driver is not PyMySQL: write mysql+pymysql://")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"it cannot be taken apart: {_FORMS}, and %2F for a slash in a password") from None
    if not parts.hostname or not parts.username or len(parts.path) < 2:
        raise ValueError(f"it lacks a user, a host or the name of a database: {_FORMS}")
    if password is None and parts.password is None:
        raise ValueError("the database is on a server, and neither DATABASE_PASSWORD nor DATABASE_PASSWORD_FILE is set")
    return URL.create(
        f"{dialect}+pymysql",
        username=unquote(parts.username),
        password=unquote(parts.password or "") if password is None else password,
        host=parts.hostname,
        port=port or 3306,
        database=unquote(parts.path[1:]),
        query={"charset": "utf8mb4"} | dict(parse_qsl(parts.query)),
    )


def is_server(url: URL) -> bool:
    """Whether the database is on a server, and not in a file."""
    return url.get_backend_name() in SERVERS


def place(url: URL) -> str:
    """Say which database this is and where, without its user's password."""
    if not is_server(url):
        return f"the database file {url.database}"
    return f"the database '{url.database}' on {url.host}:{url.port}"


def _sqlite(driver: str, rest: str, root: Path) -> URL:
    if driver not in {"", "pysqlite"} or len(rest) < 2 or not rest.startswith("/") or "?" in rest or "\0" in rest:
        raise ValueError("it names no database file: write sqlite:///var/app.db, four slashes for an absolute path")
    if rest == "/:memory:" or rest.startswith("/file:"):
        raise ValueError("it names no file: a database in memory would be another one for each connection")
    return URL.create("sqlite", database=str(root / rest[1:]))
