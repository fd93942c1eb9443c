"""One point in time that several connections see: held still for as long as it takes each to begin, no longer.

How it is held depends on what the server has and what the account may do. In order, from the best:

=================  ==============================================================================  ===================
``backup-stages``  MariaDB's ``BACKUP STAGE``: commits wait, and nothing else                      needs RELOAD
``read-lock``      ``FLUSH TABLES WITH READ LOCK``: writes wait                                    needs RELOAD
``table-locks``    ``LOCK TABLES … READ`` on all tables of the schema: writes to these wait        needs LOCK TABLES
``one-connection`` nothing waits, and only one connection reads                                    needs no right
=================  ==============================================================================  ===================

On MySQL, ``LOCK INSTANCE FOR BACKUP`` keeps changes of the schema out for the whole time, where the account may have it
(BACKUP_ADMIN). Everywhere else a table can be changed when nobody reads it just then, and that is noticed afterwards.

Tables whose engine has no transactions see no point in time. They are locked for reading for as long as it is held, and
since MySQL's read lock waits for such locks, ``table-locks`` is then the first way. Without that right there is no
backup of them.

https://dev.mysql.com/doc/refman/9.7/en/lock-instance-for-backup.html and https://mariadb.com/kb/en/backup-stage/ have
the statements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from deckinfra.errors import DatabaseError, LockedError
from deckinfra.mysql import Server, Session
from deckinfra.mysql.faults import ACCESS_DENIED, code_of
from deckinfra.mysql.names import qualified

BACKUP_STAGES: Final = "backup-stages"
READ_LOCK: Final = "read-lock"
TABLE_LOCKS: Final = "table-locks"
ONE_CONNECTION: Final = "one-connection"

_BEGIN: Final = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_NOT_ALLOWED: Final = ACCESS_DENIED | {1045}
"""1045 is what servers of cloud vendors give for ``FLUSH TABLES WITH READ LOCK``, whatever rights an account has."""

_NO_LOGS: Final = {1381}
_PAUSE: Final = 1.0
_GUARD_LIMIT: Final = 31_536_000


@dataclass(frozen=True)
class Point:
    """A point in time, and the connections that see it, each in a transaction of its own.

    ``held`` is how it was held, one of the names above; ``guarded`` tells whether the schema cannot change until it is
    let go; ``position`` is where the server's binary log was, as far as that is known: ``file``, ``offset``, ``gtid``.
    ``lock`` is the connection that keeps ``unsteady`` tables, those without transactions, as they are, and reads them.
    """

    sessions: Sequence[Session]
    held: str
    guarded: bool
    position: dict[str, Any]
    lock: Session
    unsteady: Sequence[str] = ()

    def session_for(self, table: str) -> Session:
        """Give a connection to read a table by: the one that has it locked, since any other may have to wait for it.

        A server lets nobody read a table that somebody waits to write to.
        """
        return self.lock if table in self.unsteady else self.sessions[0]

    def check(self) -> None:
        """Raise :class:`DatabaseError` if tables without transactions could be written to since it was held."""
        if not self.unsteady:
            return
        try:
            self.lock.query("SELECT 1")
        except DatabaseError as error:
            raise DatabaseError(
                f"the connection that kept {', '.join(self.unsteady)} of {self.lock.url} as they are was lost: {error}",
                hint="No backup was made, since others may have written to them in between. Run it again.",
            ) from error


@contextmanager
def held(
    server: Server, schema: str, *, tables: Sequence[str], unsteady: Sequence[str], connections: int
) -> Iterator[Point]:
    """Hold one point in time of ``schema`` while the context is open, seen by up to so many ``connections``.

    ``tables`` are all of it with rows of their own, ``unsteady`` those among them without transactions.
    :class:`LockedError` where others' locks were in the way for longer than the server's patience, and
    :class:`DatabaseError` where tables without transactions are there and may not be locked.
    """
    with ExitStack() as stack:
        sessions = [stack.enter_context(server.connect()) for _ in range(connections)]
        for session in sessions:
            # Who reads while others have a table locked keeps nobody from it, and there is much to lose.
            session.execute(f"SET SESSION lock_wait_timeout = {max(1, int(server.patience))}")
        guard = stack.enter_context(server.connect())
        guard.execute(f"SET SESSION wait_timeout = {_GUARD_LIMIT}")
        guarded = server.vendor == "mysql" and _may(server, guard, "LOCK INSTANCE FOR BACKUP")
        if unsteady:
            _lock(server, guard, schema, unsteady)
        # Not twice those that are locked: who waits to write to one by now would be in the way of the second time.
        steady = [table for table in tables if table not in unsteady]
        for how, hold, release in _ways(server, schema, steady, locked=bool(unsteady)):
            with server.connect() as stopping:
                try:
                    if not all(_may(server, stopping, statement) for statement in hold):
                        continue
                    for session in sessions:
                        session.execute(_BEGIN)
                    position = _position(server, stopping)
                finally:
                    # The connection's end does the same, a moment later.
                    with suppress(DatabaseError):
                        stopping.execute(release)
            yield Point(sessions, how, guarded, position, guard, unsteady)
            return
        sessions[0].execute(_BEGIN)
        yield Point(sessions[:1], ONE_CONNECTION, guarded, {}, guard, unsteady)


@contextmanager
def passing(session: Session) -> Iterator[None]:
    """Hold on to no table that is read in the context: a server lets nobody change one that a transaction has read.

    Nor does it let anybody read one that somebody waits to change, so a whole application would wait until the backup
    is over. The session sees the same point in time afterwards; without a transaction there is nothing to let go.
    """
    from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS

    connection: Any = session.connection
    if not connection.server_status & SERVER_STATUS_IN_TRANS:
        yield
        return
    session.execute("SAVEPOINT deckinfra")
    yield
    session.execute("ROLLBACK TO SAVEPOINT deckinfra")


def _ways(
    server: Server, schema: str, tables: Sequence[str], *, locked: bool
) -> Iterator[tuple[str, Sequence[str], str]]:
    """Give the ways to stop writes for a moment: what they are called, their statements, and what ends them."""
    if server.vendor == "mariadb" and not locked:
        stages = ("START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT")
        yield BACKUP_STAGES, [f"BACKUP STAGE {stage}" for stage in stages], "BACKUP STAGE END"
    if not locked:
        yield READ_LOCK, ["FLUSH TABLES WITH READ LOCK"], "UNLOCK TABLES"
    if tables or locked:
        yield TABLE_LOCKS, [_reading(schema, tables)] if tables else [], "UNLOCK TABLES"


def _reading(schema: str, tables: Sequence[str]) -> str:
    return f"LOCK TABLES {', '.join(f'{qualified(schema, table)} READ' for table in tables)}"


def _lock(server: Server, session: Session, schema: str, tables: Sequence[str]) -> None:
    if _may(server, session, _reading(schema, tables)):
        return
    raise DatabaseError(
        f"the account {server.url.username} may not lock tables, and without that {', '.join(tables)} cannot be held "
        "still: the engine of these has no transactions",
        hint="No backup was made. Grant it LOCK TABLES, or run ALTER TABLE ... ENGINE = InnoDB.",
    )


def _may(server: Server, session: Session, statement: str) -> bool:
    """Run a statement, again and again while others are in its way; False where the account may not."""

    def run() -> bool:
        try:
            session.execute(statement)
        except DatabaseError as error:
            if code_of(error) in _NOT_ALLOWED:
                return False
            raise
        return True

    return _patiently(server, run, statement)


def _patiently(server: Server, run: Callable[[], bool], statement: str) -> bool:
    """Who waits for a lock keeps out all who come after, so each wait is short, with a pause to let them pass."""
    deadline = time.monotonic() + server.patience
    while True:
        try:
            return run()
        except LockedError as error:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"the database {server.url} could not be held still for a moment within {server.patience:g} s: "
                    f"others kept '{statement[:40]}' waiting",
                    hint="No backup was made. 'invoke status' shows what runs there for long; run it again after that.",
                ) from error
            time.sleep(_PAUSE)


def _position(server: Server, session: Session) -> dict[str, Any]:
    """Give where the binary log is; what the account may not see, or the server does not have, is left out."""
    found: dict[str, Any] = {}
    if server.vendor == "mysql":
        statement = "SHOW BINARY LOG STATUS" if server.version_number >= (8, 2) else "SHOW MASTER STATUS"
        gtid = "SELECT @@GLOBAL.gtid_executed"
    else:
        statement, gtid = "SHOW MASTER STATUS", "SELECT @@GLOBAL.gtid_binlog_pos"
    try:
        for file, offset, *_ in session.query(statement):
            found = {"file": file, "offset": int(offset)}
    except DatabaseError as error:
        if code_of(error) not in _NOT_ALLOWED | _NO_LOGS:
            raise
    executed = str(session.query(gtid)[0][0] or "").replace("\n", "")
    return {**found, "gtid": executed} if executed else found
