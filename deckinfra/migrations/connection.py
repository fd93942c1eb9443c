"""A connection to the database that migrations and seeds run on, and how its failures are told.

SQLite is opened by a URI, with Python's own transaction handling switched off: it would commit before
each DDL statement. A ``BEGIN`` of our own makes schema changes transactional, so that a revision, its
version included, is there or is not, whenever the process dies.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError
from deckinfra.migrations.faults import translated

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

CONNECT_TIMEOUT: Final = 10
"""Seconds to wait for a server to answer."""

STATEMENT_LIMIT: Final = 24 * 3600.0
"""Seconds to wait for what a server says to one statement: an ALTER TABLE may take hours."""

_STEPS: Final = 10_000
"""After how many of its steps SQLite looks whether its time is up."""

_ENDED_BY_SERVER: Final = """
SET SESSION sql_select_limit = 18446744073709551615 /*!50708 , SESSION max_execution_time = {milliseconds} */
    /*M! , SESSION max_statement_time = {seconds} */
"""
"""No row is left out, whatever the server's own setting is. Of the comments, MySQL runs those with a version, MariaDB
those with an ``M``."""

_WITH_TIMEOUT: Final = {"pymysql", "mysqldb"}
"""Drivers whose connections take limits of time; others refuse what they do not know."""


@dataclass(frozen=True)
class Mode:
    """How SQLite is opened: whether a missing file is made, foreign keys hold, and the write lock is taken at once.

    ``still`` is for a database of any kind that nobody writes to meanwhile: nothing in it can be changed, the server
    or SQLite ends a query itself when its time is up, and SQLite makes no files beside the database.
    """

    create: bool = False
    foreign_keys: bool = True
    write: bool = True
    still: bool = False


LOOK: Final = Mode(write=False)
"""To read what is there. A transaction that only reads must not wait for a writer."""

MIGRATE: Final = Mode(create=True, foreign_keys=False)
"""To change tables. With foreign keys on, a batch migration's DROP TABLE would delete the rows of child tables."""

PLANT: Final = Mode()
"""To add rows."""

ASK: Final = Mode(write=False, still=True)
"""To read what was restored, by a query that is somebody else's."""

_GRACE: Final = 10.0
"""Seconds that a server has to end a query that it ends itself."""


@contextmanager
def connect(url: DatabaseURL, mode: Mode, *, wait: float, limit: float = STATEMENT_LIMIT) -> Iterator[Connection]:
    """Open a connection while the context is open; nothing is committed that the caller does not commit.

    ``wait`` is how many seconds to wait for others' locks, ``limit`` for a server's answer to one statement. What the
    database refuses, at any time in the context, is raised as :class:`DatabaseError` or :class:`LockedError`. A SQLite
    file is made, and its folder, with ``mode.create`` only.
    """
    with translated(url):
        engine = _sqlite(url, mode, wait, limit) if url.dialect == "sqlite" else _server(url, mode, wait, limit)
        with engine.connect() as connection:
            yield connection


def exists(url: DatabaseURL) -> bool:
    """Whether there is a file at a SQLite URL. Where only opening it can tell, as with a server's database: True."""
    try:
        return url.dialect != "sqlite" or bool(os.lstat(url.database))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _sqlite(url: DatabaseURL, mode: Mode, wait: float, limit: float) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    path = Path(url.database)
    if mode.create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"the folder of the database {path} cannot be made: {error.strerror}",
                hint="Nothing was changed. Make the folder, or set another path in DATABASE_URL.",
            ) from error
    options = "mode=ro&immutable=1" if mode.still else f"mode={'rwc' if mode.create else 'rw'}"
    uri = f"file:{quote(os.fsencode(path))}?{options}"

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None)
        connection.execute(f"PRAGMA foreign_keys = {'ON' if mode.foreign_keys else 'OFF'}")
        if mode.still:
            deadline = time.monotonic() + limit
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        return connection

    engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode.write else "BEGIN")

    return engine


def _server(url: DatabaseURL, mode: Mode, wait: float, limit: float) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    target = server_url(url)
    driver = target.get_driver_name()
    # PyMySQL has one limit for the greeting, which a server that is stopped never sends, and for all that follows.
    reading = min(CONNECT_TIMEOUT, limit) if driver == "pymysql" else limit
    limits = {"connect_timeout": CONNECT_TIMEOUT, "read_timeout": round(reading), "write_timeout": round(limit)}
    arguments = limits if driver in _WITH_TIMEOUT else {}
    try:
        engine = create_engine(target, poolclass=NullPool, connect_args=arguments)
    except (ArgumentError, ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"there is no driver for the database {url}: {error}",
            hint="Install the driver, or leave it out of DATABASE_URL to use PyMySQL.",
        ) from error

    @event.listens_for(engine, "connect")
    def limit_waiting(connection: Any, record: object) -> None:
        # Servers wait for a metadata lock for a day (MariaDB) or a year (MySQL), and everybody queues behind it.
        seconds = max(1, round(wait))
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}")
            if mode.still:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                cursor.execute(_ENDED_BY_SERVER.format(seconds=limit, milliseconds=round(limit * 1000)))
        if driver == "pymysql":
            connection._read_timeout = limit + _GRACE if mode.still else limit

    return engine


def server_url(url: DatabaseURL) -> URL:
    """Give SQLAlchemy's form of a server's URL, the password in it: PyMySQL where it names no driver, all of UTF-8."""
    from sqlalchemy import URL

    return URL.create(
        f"{url.dialect}+{url.driver or 'pymysql'}",
        username=url.username or None,
        password=url.password.reveal() if url.password else None,
        host=url.host,
        port=url.port,
        database=url.database,
        query={"charset": "utf8mb4"} | dict(parse_qsl(url.query)),
    )
