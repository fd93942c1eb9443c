"""Locks that the server takes back when the connection of their holder ends: ``GET_LOCK``.

They are the server's, not a schema's, so the database's name is in theirs. Each is held on a connection of its own,
which lives for as long as the lock is held.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from deckinfra.core.documents import decode, encode
from deckinfra.errors import DatabaseError, DeckinfraError, LockedError
from deckinfra.system.processes import Owner

from .faults import NOT_SUPPORTED, code_of
from .names import digest_of
from .processes import named
from .server import Server, Session
from .workspace import Workspace

_INTERVAL: Final = 0.05
_WHOLE: Final = 1
"""The servers wait for whole seconds. In slices, so that Ctrl-C is not kept waiting."""


class LostLockError(LockedError):
    """The connection that held a lock was lost, and the lock with it."""


class NamedLock:
    """A lock that is held on ``session``."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name

    def check(self) -> None:
        """Raise :class:`LostLockError` if it was lost, because its connection was."""
        try:
            held = self.session.query("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", self.name)[0][0] == 1
        except DatabaseError:
            held = False
        if not held:
            raise LostLockError(
                f"the connection that held the lock of {self.session.url} was lost",
                hint="Others may be at work there. The live database was not touched; run it again.",
            )


def database_lock_name(server: Server, database: str) -> str:
    """Give the name of the lock of a database: one for all spellings that the server takes for the same."""
    return f"deckinfra.{digest_of(database.lower() if server.folds_case else database, 32)}"


def is_free(session: Session, name: str) -> bool:
    """Whether nobody holds a lock."""
    return bool(session.query("SELECT IS_FREE_LOCK(%s)", name)[0][0])


@contextmanager
def guarded(server: Server, name: str) -> Iterator[NamedLock]:
    """Hold a lock that nobody else wants, to show that its holder lives."""
    with server.connect() as session:
        if not _taken(session, name, 0):
            raise LockedError(f"the lock {name} of {server.url} is taken", hint="Nothing was changed; run it again.")
        yield NamedLock(session, name)


@contextmanager
def database_lock(workspace: Workspace, owner: Owner, *, timeout: float) -> Iterator[tuple[NamedLock, str | None]]:
    """Hold the lock of the workspace's database while the context is open.

    The value is the lock, and a sentence about a holder that died, or None. Waits up to ``timeout`` seconds; then a
    :class:`LockedError` names the holder: by what it wrote into the workspace, where its account may make one, else
    by the server's process list.
    """
    server = workspace.server
    name = database_lock_name(server, workspace.database)
    with server.connect() as session:
        deadline = time.monotonic() + timeout
        while not _taken(session, name, deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"the database {server.url} is locked by {_holder(workspace, session, name)}",
                    hint=f"Waited {timeout:g} s. Nothing was changed; run it again when that is done.",
                )
        lock = NamedLock(session, name)
        died = _recorded(workspace, session)
        recorded = _record(workspace, session, owner)
        try:
            yield lock, f"{died[1]} died at its work on {server.url}" if died else None
        finally:
            # Where the connection is gone the row stays, and says truly that the lock was not given back.
            if recorded:
                with suppress(DeckinfraError):
                    workspace.execute(session, "DELETE FROM {holder} WHERE connection = %s", session.id)
            with suppress(DeckinfraError):
                session.query("SELECT RELEASE_LOCK(%s)", name)


def _taken(session: Session, name: str, left: float) -> bool:
    """Try for up to a second to take a lock."""
    slice_ = _WHOLE if left >= _WHOLE else 0
    try:
        ((answer,),) = session.query("SELECT GET_LOCK(%s, %s)", name, slice_)
    except DatabaseError as error:
        if code_of(error) == NOT_SUPPORTED:
            raise DatabaseError(
                f"the server of {session.url} has no user-level locks; Galera clusters refuse them",
                hint="Nothing was changed. Restore and migrate on a server that is not part of a cluster.",
            ) from error
        raise
    if answer is None:
        raise DatabaseError(
            f"the server of {session.url} failed at the lock {name}",
            hint="Nothing was changed. Look at the server's log: was the wait ended, or is it out of memory?",
        )
    if answer != 1 and not slice_ and left > 0:
        time.sleep(min(_INTERVAL, left))
    return bool(answer == 1)


def _record(workspace: Workspace, session: Session, owner: Owner) -> bool:
    """Write down who holds the lock; gives whether the account may. That of an application need not."""
    try:
        if not workspace.is_there(session):
            workspace.make(session)
        described = encode(owner.document()).decode()
        workspace.execute(session, "REPLACE INTO {holder} VALUES (1, %s, %s)", session.id, described)
    except DatabaseError:
        return False
    return True


def _recorded(workspace: Workspace, session: Session) -> tuple[int, Owner] | None:
    """Give the connection and the process that wrote themselves down last, and did not leave in order."""
    with suppress(DeckinfraError):
        for connection, text in workspace.rows(session, "SELECT connection, owner FROM {holder}"):
            return connection, Owner.from_document(decode(text.encode(), "the lock"), "the lock")
    return None


def _holder(workspace: Workspace, session: Session, name: str) -> str:
    ((connection,),) = session.query("SELECT IS_USED_LOCK(%s)", name)
    if connection is None:
        return "somebody who has just let it go"
    found = _recorded(workspace, session)
    if found is not None and found[0] == connection:
        return str(found[1])
    return named(session, connection)
