"""Who is connected to a server and what they are at: for status, and to name whoever is in the way."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import DeckinfraError
from deckinfra.ports import Activity, RunningQuery

from .server import Server, Session

_LONG: Final = 2
"""Seconds after which a statement is worth showing."""

_SHOWN: Final = 200
_NAMED: Final = 3
_SECRETIVE: Final = re.compile(
    r"\W*(?:set\s+password|(?:create|alter)\s+(?:or\s+replace\s+)?user|grant|change)\b", re.I
)
_WORKING: Final = {"Query", "Execute"}


@dataclass(frozen=True)
class Process:
    """One connection, as the server's process list has it."""

    id: int
    user: str
    host: str
    command: str
    seconds: int
    statement: str

    def __str__(self) -> str:
        doing = f"at '{self.statement}'" if self.statement else f"idle ({self.command})"
        return f"connection {self.id} of {self.user} from {self.host}, {doing} for {self.seconds} s"


def processes(session: Session) -> dict[int, Process]:
    """Give the connections that this account may see, by their number; its own only, without the privilege PROCESS."""
    found = {}
    for identity, user, host, _, command, seconds, _, statement, *_ in session.query("SHOW FULL PROCESSLIST"):
        found[identity] = Process(identity, user or "", host or "", command or "", int(seconds or 0), _brief(statement))
    return found


def named(session: Session, identity: int) -> str:
    """Say who a connection is, as far as this account may know."""
    with suppress(DeckinfraError):
        process = processes(session).get(identity)
        if process is not None:
            return str(process)
    return f"connection {identity}"


def blockers(session: Session, schema: str, ours: frozenset[int]) -> str:
    """Name those who keep tables of ``schema`` busy, other than the connections ``ours``."""
    ids = _holders(session, schema) - ours - {session.id}
    with suppress(DeckinfraError):
        found = [process for identity, process in processes(session).items() if identity in ids]
        if found:
            longest = sorted(found, key=lambda each: -each.seconds)
            more = f" and {len(longest) - _NAMED} more" if len(longest) > _NAMED else ""
            return "; ".join(map(str, longest[:_NAMED])) + more
    return "a connection that this account may not see (the privilege PROCESS shows it)"


def activity(server: Server) -> Activity:
    """Look at what a server is busy with."""
    with server.connect() as session:
        status: dict[str, str] = dict(
            session.query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Slow_queries')")
        )
        ((limit,),) = session.query("SELECT @@max_connections")
        running = [
            RunningQuery(each.id, each.user, float(each.seconds), each.statement)
            for each in processes(session).values()
            if each.command in _WORKING and each.seconds >= _LONG and each.id != session.id
        ]
    return Activity(
        connections=int(status["Threads_connected"]),
        connection_limit=int(limit),
        slow_queries=int(status["Slow_queries"]),
        running=tuple(sorted(running, key=lambda each: -each.seconds)),
    )


def _holders(session: Session, schema: str) -> set[int]:
    """Give the numbers of the connections that hold a lock on a table of ``schema``, as far as the server tells.

    Where it does not tell of locks, give those that have a transaction open.
    """
    for statement, parameters in (
        (
            "SELECT threads.PROCESSLIST_ID FROM performance_schema.metadata_locks AS locks "
            "JOIN performance_schema.threads AS threads ON threads.THREAD_ID = locks.OWNER_THREAD_ID "
            "WHERE locks.OBJECT_TYPE = 'TABLE' AND locks.OBJECT_SCHEMA = %s AND locks.LOCK_STATUS = 'GRANTED' "
            "AND threads.PROCESSLIST_ID IS NOT NULL",
            (schema,),
        ),
        ("SELECT THREAD_ID FROM information_schema.METADATA_LOCK_INFO WHERE TABLE_SCHEMA = %s", (schema,)),
        ("SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX", ()),
    ):
        with suppress(DeckinfraError):
            found = {int(row[0]) for row in session.query(statement, *parameters)}
            if found:
                return found
    return set()


def _brief(statement: str | None) -> str:
    """Give the beginning of a statement on one line; of one that may hold a password, that it is one."""
    text = " ".join((statement or "").split())
    if _SECRETIVE.match(text):
        return "a statement about accounts, not shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
