"""The database: a pool of a stated size with time limits, and transactions that commit or roll back."""

from __future__ import annotations

import select
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final, TypeVar
from urllib.parse import quote

import pymysql
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from src.utils.config import Settings
from src.utils.database_url import is_server
from src.utils.errors import Deadlock
from src.utils.faults import translated

_Result = TypeVar("_Result")
_random: Final = SystemRandom()

ATTEMPTS: Final = 4
"""How often a transaction is run that the database ends because of a deadlock."""

LOCK_WAIT: Final = 5
"""Seconds to wait for others' row and metadata locks. Servers wait up to a year for the latter by default."""

REST: Final = 1.0
"""Seconds without use after which it is asked whether a connection is still there, before it is used."""

_RETURNED: Final = "returned"


@dataclass(frozen=True)
class Limits:
    """Seconds after which connecting, reading and writing are given up."""

    connect: int
    read: int
    write: int


WORK: Final = Limits(connect=5, read=10, write=10)
"""For requests. Reading takes longer than waiting for a lock does, so that the server's own error comes first."""

PROBE: Final = Limits(connect=2, read=2, write=2)
"""For looking whether the database is there."""


@dataclass(frozen=True)
class PoolUse:
    """How many connections the pool keeps, may add, has lent out, and has added just now."""

    size: int
    max_overflow: int
    checked_out: int
    overflow: int


class Database:
    """The application's database. Nothing is opened before the first transaction. Thread-safe."""

    def __init__(self, settings: Settings, duplicates: Mapping[str, str]) -> None:
        self._size = settings.app_pool_size
        self._max_overflow = settings.app_pool_overflow
        self._duplicates = duplicates
        self._reading = open_engine(
            settings.database,
            WORK,
            poolclass=QueuePool,
            pool_size=self._size,
            max_overflow=self._max_overflow,
            pool_timeout=settings.app_pool_timeout,
            pool_recycle=settings.app_pool_recycle,
            # What is lent out goes to a session, which ends its transaction before it gives the connection back.
            pool_reset_on_return=None,
        )
        if is_server(settings.database):
            _look_before_lending(self._reading)
        self._writing = self._reading.execution_options(write=True)

    @property
    def most_connections(self) -> int:
        """How many connections there may be at a time."""
        return self._size + self._max_overflow

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Session]:
        """Give a session; what is done in it is committed when the context ends well, else rolled back.

        Without ``write`` it is rolled back in any case: there is nothing to keep.

        Raises :class:`src.utils.errors.Duplicate`, :class:`BadReference` and :class:`Unavailable` for what the
        database refuses. Rows stay usable afterwards.
        """
        engine = self._writing if write else self._reading
        with translated(self._duplicates), Session(engine, expire_on_commit=False) as session:
            yield session
            if write:
                session.commit()

    def run(self, work: Callable[[Session], _Result]) -> _Result:
        """Do ``work`` in a transaction, again where a deadlock undid it, so it must have no other effects."""
        for attempt in range(1, ATTEMPTS):
            try:
                with self.transaction() as session:
                    return work(session)
            except Deadlock:
                time.sleep(_random.uniform(0.01, 0.05) * attempt)
        with self.transaction() as session:
            return work(session)

    def pool_use(self) -> PoolUse:
        """Tell how the pool is used now."""
        pool = self._reading.pool
        assert isinstance(pool, QueuePool)
        return PoolUse(self._size, self._max_overflow, pool.checkedout(), max(0, pool.overflow()))

    def close(self) -> None:
        """Close every connection that is not lent out, and the others when they come back."""
        self._reading.dispose()


def _look_before_lending(engine: Engine) -> None:
    """Ask whether a connection is still there before it is lent out, where there is reason to.

    That is where it rested, or was sent what nobody asked for, as is the end of the stream. SQLAlchemy's own
    ``pool_pre_ping`` asks each time.
    """

    @event.listens_for(engine, "checkin")
    def note(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        returned = record.info.get(_RETURNED)
        if returned is None or (time.monotonic() - returned < REST and _is_quiet(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except pymysql.err.Error as error:
            # The others are as old: the pool opens new ones, this time, too.
            raise InvalidatePoolError from error


def _is_quiet(connection: Any) -> bool:
    """Whether nothing came over PyMySQL's socket since the last answer was read."""
    if connection._sock is None:
        return False
    poller = select.poll()
    poller.register(connection._sock, select.POLLIN)
    return not poller.poll(0)


def open_engine(url: URL, limits: Limits, **pool: Any) -> Engine:
    """Make an engine whose connections have ``limits``; without ``pool``, each is opened anew."""
    pool = pool or {"poolclass": NullPool}
    # No parameters in errors or logs: passwords' hashes are among them.
    return (_server if is_server(url) else _sqlite)(url, limits, {**pool, "hide_parameters": True})


def _server(url: URL, limits: Limits, options: Mapping[str, Any]) -> Engine:
    arguments = {
        "connect_timeout": limits.connect,
        "read_timeout": limits.read,
        "write_timeout": limits.write,
        # Text that is too long is an error, whatever the server's default.
        "init_command": "SET SESSION time_zone = '+00:00', "
        "sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_TRANS_TABLES'), "
        f"innodb_lock_wait_timeout = {LOCK_WAIT}, lock_wait_timeout = {LOCK_WAIT}",
    }
    # A request looks rows up by their keys: it needs no gap locks, over which writers deadlock.
    return create_engine(url, connect_args=arguments, isolation_level="READ COMMITTED", **options)


def _sqlite(url: URL, limits: Limits, options: Mapping[str, Any]) -> Engine:
    uri = f"file:{quote(url.database or '')}?mode=rw"

    def open_file() -> sqlite3.Connection:
        # A connection is lent to one thread at a time, though not always the one that opened it.
        connection = sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine("sqlite://", creator=open_file, **options)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer waits for its turn here: one that reads first would be refused where another wrote meanwhile.
        writes = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
