"""An account on a MySQL or MariaDB server, and connections of it: with limits, in UTF-8, errors in our words.

Supported are MySQL from 8.0.13 on, the first that renames tables under ``LOCK TABLES``, and MariaDB from 10.6 on,
the first whose ``RENAME TABLE`` of several tables survives a crash of the server as one step.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, RefusedError

from .faults import code_of, translated

if TYPE_CHECKING:
    import pymysql

Vendor = Literal["mysql", "mariadb"]
Row = tuple[Any, ...]

CONNECT_LIMIT: Final = 10
"""Seconds to wait for a server to answer."""

STATEMENT_LIMIT: Final = 3600.0
"""Seconds that one statement may take, unless told otherwise; then the connection is given up."""

LOCK_SLICE: Final = 2
"""Seconds to wait for others' locks at one go. Whoever comes meanwhile queues behind the waiter, so it is short."""

OLDEST: Final[dict[Vendor, tuple[int, ...]]] = {"mysql": (8, 0, 13), "mariadb": (10, 6)}
"""The oldest version of each vendor whose tables we swap."""

SQL_MODE: Final = "NO_AUTO_VALUE_ON_ZERO"
"""The mode of our own connections, whatever the server's is."""

TIME_ZONE: Final = "+00:00"
"""The time zone of our own connections."""

_IDLE_LIMIT: Final = 31_536_000
_NET_LIMIT: Final = 600
_UNLIMITED: Final = 18_446_744_073_709_551_615

_VARIABLES: Final = f"""
SET SESSION lock_wait_timeout = {LOCK_SLICE}, SESSION innodb_lock_wait_timeout = {LOCK_SLICE},
    SESSION wait_timeout = {_IDLE_LIMIT}, SESSION net_read_timeout = {_NET_LIMIT},
    SESSION net_write_timeout = {_NET_LIMIT}, SESSION sql_quote_show_create = 1,
    SESSION sql_select_limit = {_UNLIMITED}, SESSION max_join_size = {_UNLIMITED}, SESSION sql_big_selects = 1,
    SESSION sql_safe_updates = 0, SESSION sql_auto_is_null = 0, SESSION completion_type = 0,
    SESSION foreign_key_checks = 1, SESSION unique_checks = 1, SESSION sql_notes = 1
    /*!50708 , SESSION max_execution_time = 0 */
    /*!80000 , SESSION information_schema_stats_expiry = 0 */
    /*!80030 , SESSION show_gipk_in_create_table_and_information_schema = 1 */
    /*!80400 , SESSION restrict_fk_on_non_standard_key = 0 */
    /*M! , SESSION max_statement_time = 0, SESSION idle_transaction_timeout = 0,
        SESSION idle_readonly_transaction_timeout = 0, SESSION idle_write_transaction_timeout = 0,
        SESSION check_constraint_checks = 1, SESSION sql_if_exists = 0, SESSION system_versioning_asof = DEFAULT */
"""
"""What every connection of ours goes by, for a server hands its global values to whoever connects: limits that leave
rows out or end a statement, statements that are refused, warnings that are not given, sizes that are a day old. Of the
comments, MySQL runs those from its own versions on, MariaDB those with an ``M``."""

_TRANSACTIONS: Final = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE"

_NAME: Final = re.compile(r"`(?:[^`]|``)*`")
_OPTIONS: Final = {"ssl_ca", "ssl_cert", "ssl_key", "unix_socket"}
"""What a URL may hold behind its question mark that the driver takes as it is."""

_ONLY_WITH_TLS: Final = {1045, 3159, 4150}
"""What servers say to who comes without TLS and must not: MySQL's ``require_secure_transport``, MariaDB's, and both to
an account that is to be ``REQUIRE SSL``, as to a wrong password."""


class Session:
    """One open connection, in autocommit mode. Every method raises what :mod:`.faults` makes of the driver's errors."""

    def __init__(self, connection: pymysql.Connection[Any], url: DatabaseURL, trace: Callable[[str], None]) -> None:
        self.connection = connection
        self.url = url
        self._trace = trace

    def query(self, sql: str, *parameters: object) -> list[Row]:
        """Run one statement with ``%s`` for each parameter, and give its rows."""
        with self._ran(sql, parameters) as cursor:
            return list(cursor.fetchall())

    def execute(self, sql: str, *parameters: object) -> int:
        """Run one statement, and give how many rows it changed."""
        with self._ran(sql, parameters) as cursor:
            return int(cursor.rowcount)

    def stream(self, sql: str) -> Any:
        """Send one statement, and give the driver's result, of which no row was taken off the connection yet."""
        self._trace(sql)
        connection: Any = self.connection
        with translated(self.url):
            connection.query(sql, unbuffered=True)
        return connection._result

    def define(self, sql: str, charset: str) -> list[str]:
        """Run one statement that the server is to read in ``charset``, which the session is set to; gives its warnings.

        Each warning begins with its number.
        """
        self._trace(sql)
        with translated(self.url), self.connection.cursor() as cursor:
            cursor.execute(encoded(sql, charset))
            if not cursor.warning_count:
                return []
            cursor.execute("SHOW WARNINGS")
            return [f"{code} {text}" for _, code, text in cursor.fetchall()]

    def settle(self) -> None:
        """Set what every session of ours goes by, which making an object of others' may have changed."""
        self.execute("SET NAMES utf8mb4")
        self.execute(f"SET SESSION sql_mode = '{SQL_MODE}', SESSION time_zone = '{TIME_ZONE}'")

    @property
    def id(self) -> int:
        """The number by which the server's process list knows this connection."""
        return int(self.connection.thread_id())  # type: ignore[no-untyped-call]

    @contextmanager
    def _ran(self, sql: str, parameters: tuple[object, ...]) -> Iterator[Any]:
        self._trace(sql)
        with translated(self.url), self.connection.cursor() as cursor:
            # Without parameters, a per cent sign is nothing special; with some, it still may stand in a name.
            cursor.execute(*((_NAME.sub(_doubled, sql), parameters) if parameters else (sql,)))
            yield cursor


class Server:
    """An account on a server: whose it is and where is in ``url``, the password too.

    ``patience`` is how many seconds it waits in all for others' locks. ``trace`` is called with every statement
    before it is sent.
    """

    def __init__(
        self, url: DatabaseURL, *, patience: float = 30.0, trace: Callable[[str], None] = lambda statement: None
    ) -> None:
        self.url = url
        self.patience = patience
        self._trace = trace

    @contextmanager
    def connect(
        self, schema: str | None = None, *, limit: float = STATEMENT_LIMIT, loading: bool = False
    ) -> Iterator[Session]:
        """Open a connection while the context is open, with ``schema`` as its default one.

        One for ``loading`` is told to the server as one that sends files. The driver sends none, whatever it is asked.
        A statement that takes longer than ``limit`` seconds is given up. :class:`DatabaseError` says why there is no
        connection: host, port, user, password, database.
        """
        connection = self._opened(schema, loading)
        try:
            session = Session(connection, self.url, self._trace)
            session.settle()
            session.execute(" ".join(_VARIABLES.split()))
            session.execute(_TRANSACTIONS)
            _allow(connection, limit)
            yield session
        finally:
            if connection.open:
                with suppress(Exception):  # it is given up in any case; what went wrong before matters
                    connection.close()

    @property
    def vendor(self) -> Vendor:
        """Who made the server."""
        return "mariadb" if "mariadb" in self.version.lower() else "mysql"

    @cached_property
    def version(self) -> str:
        """What the server calls its version: ``9.7.0``, ``11.8.2-MariaDB``."""
        return str(self._fact("VERSION()"))

    @property
    def version_number(self) -> tuple[int, ...]:
        """The version as numbers: ``(9, 7, 0)``."""
        found = re.match(r"\d+(?:\.\d+)*", self.version)
        return tuple(int(part) for part in found[0].split(".")) if found else ()

    @cached_property
    def folds_case(self) -> bool:
        """Whether names of databases and tables that differ only in case are the same there."""
        return int(self._fact("@@lower_case_table_names")) != 0

    def require_supported(self) -> None:
        """Raise :class:`RefusedError` where the server is too old to swap tables safely."""
        oldest = OLDEST[self.vendor]
        if self.version_number < oldest:
            wanted = ".".join(map(str, oldest))
            raise RefusedError(
                f"the server of {self.url} has version {self.version}, and restoring needs {wanted} or later",
                hint="Nothing was changed. Restore into a newer server.",
            )

    def _fact(self, expression: str) -> Any:
        with self.connect() as session:
            return session.query(f"SELECT {expression}")[0][0]

    def _opened(self, schema: str | None, loading: bool) -> pymysql.Connection[Any]:
        """Connect; without TLS, which doubles what reading costs, where the way to the server stays on this machine."""
        options: dict[str, Any] = {name: value for name, value in parse_qsl(self.url.query) if name in _OPTIONS}
        if self.url.within and not options:
            try:
                return self._connected(schema, loading, {"ssl_disabled": True})
            except DatabaseError as error:
                if code_of(error) not in _ONLY_WITH_TLS:
                    raise
        return self._connected(schema, loading, options)

    def _connected(self, schema: str | None, loading: bool, options: dict[str, Any]) -> pymysql.Connection[Any]:
        import pymysql

        url = self.url
        try:
            with translated(url, connecting=True):
                connection = pymysql.connect(
                    host=url.host,
                    port=url.port or 3306,
                    user=url.username or None,
                    password=url.password.reveal() if url.password else "",
                    database=schema,
                    charset="utf8mb4",
                    autocommit=True,
                    connect_timeout=CONNECT_LIMIT,
                    read_timeout=CONNECT_LIMIT,  # its greeting too, which a server that is stopped never sends
                    write_timeout=CONNECT_LIMIT,
                    local_infile=loading,
                    **options,
                )
        except (OSError, RuntimeError) as error:  # files of TLS; a way to log in that the driver does not know
            raise DatabaseError(
                f"no connection to the database {url}: {error}", hint="Nothing was changed. Look at DATABASE_URL."
            ) from error
        connection._local_infile = False  # type: ignore[attr-defined]
        return connection


def _allow(connection: pymysql.Connection[Any], limit: float) -> None:
    """Have the driver, which takes one limit for greeting and statements, wait up to ``limit`` from now on."""
    connection._read_timeout = limit  # type: ignore[attr-defined]
    connection._write_timeout = limit  # type: ignore[attr-defined]


def _doubled(name: re.Match[str]) -> str:
    return name[0].replace("%", "%%")


def encoded(sql: str, charset: str) -> bytes:
    """Write a statement in a server's charset; UTF-8 if Python has none of that name, or it lacks a letter."""
    try:
        return sql.encode(encoding_of(charset))
    except UnicodeEncodeError:
        return sql.encode()


def encoding_of(charset: str) -> str:
    """Give Python's name of a server's charset; UTF-8's if it has none."""
    from pymysql.charset import charset_by_name

    try:
        name = str(charset_by_name(charset).encoding)
        codecs.lookup(name)
    except LookupError:
        return "utf-8"
    return name
