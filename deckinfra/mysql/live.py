"""One database of a server, live: its state, its lock, and how a schema that lies beside it takes its place.

All of :class:`deckinfra.ports.Engine` that does not depend on how data is read and loaded; engines are built around it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, DeckinfraError
from deckinfra.ports import VERSION_TABLE, Activity, DatabaseState, Kept
from deckinfra.system.processes import Owner

from . import kept
from .heirs import absent, heir_of, inherited
from .lock import NamedLock, database_lock, guarded, is_free
from .moving import ALL, Moving
from .names import digest_of, quoted, scratch_of
from .objects import ObjectSet
from .processes import activity
from .server import Server, Session
from .swap import Source, settle, swap, undo
from .tables import default_of, size, tables
from .workspace import Workspace

_SCRATCH = "scratch"


@dataclass(frozen=True)
class Scratch:
    """An empty schema beside the live one, called ``name``, for whoever made it."""

    name: str
    guard: NamedLock


class LiveDatabase:
    """The schema ``database`` on ``server``; for restores the account must be able to make schemas."""

    def __init__(self, server: Server, database: str) -> None:
        self.server = server
        self.database = database
        self._workspace = Workspace(server, database)
        self._lock: NamedLock | None = None

    def state(self) -> DatabaseState:
        """Look at the database. One that does not exist is no error."""
        with self.server.connect() as session:
            if default_of(session, self.database) is None:
                return DatabaseState(False, 0, (), self.server.version)
            names = tuple(name for name in tables(session, self.database) if name != VERSION_TABLE)
            return DatabaseState(True, size(session, self.database), names, self.server.version)

    def activity(self) -> Activity:
        """Look at what the server is busy with."""
        return activity(self.server)

    @contextmanager
    def lock(self, purpose: str, *, timeout: float) -> Iterator[str | None]:
        """Keep every other migration and restore of this database out; see :func:`.lock.database_lock`.

        An application's account, which may make no schema, can hold it too.
        """
        with database_lock(self._workspace, Owner.me(purpose), timeout=timeout) as (lock, died):
            self._lock = lock
            try:
                yield died
            finally:
                self._lock = None

    @contextmanager
    def scratch(self, purpose: str, *, charset: str = "", collation: str = "") -> Iterator[Scratch]:
        """Make an empty schema while the context is open, unless it is swapped in.

        ``charset`` and ``collation`` are what it gives to tables that name none, and what the live database has after
        the swap; without them, what the live one has now, or the server.
        """
        self.server.require_supported()
        identity = secrets.token_hex(4)
        name = scratch_of(self.database, identity)
        guard_name = f"deckinfra.scratch.{identity}.{digest_of(name, 16)}"
        with guarded(self.server, guard_name) as guard:
            with self._workspace.made() as session:
                self._workspace.record(session, name, _SCRATCH, guard=guard_name, purpose=purpose)
                session.execute(f"CREATE DATABASE {quoted(name)}{self._default(session, charset, collation)}")
            try:
                yield Scratch(name, guard)
            finally:
                # What cannot be removed now stays recorded, and the next recover does it.
                with suppress(DeckinfraError), self.server.connect() as session:
                    self._workspace.remove(session, name)

    def swap(
        self,
        scratch: Scratch,
        reason: str,
        objects: ObjectSet,
        moving: Moving = ALL,
        *,
        heir: DatabaseURL | None = None,
    ) -> Kept | None:
        """Make the tables of ``scratch`` live in one step, with ``objects`` around them; see :mod:`.swap`.

        ``moving`` says which tables those are, and which of the live ones stay. What belongs to accounts that the
        server does not have goes to the application's, that of ``heir``, if that can log in. Gives what was kept of the
        state that was replaced, or None if there was none.
        """
        with self.server.connect() as session:
            default = default_of(session, scratch.name)
            gone = absent(session, scratch.name, objects) if default and heir else []
        if default is None:
            raise DatabaseError(
                f"the schema {scratch.name} that was loaded is gone",
                hint="The live database was not touched. Was it taken for a dead process's? Run it again.",
            )
        to = heir_of(heir) if gone and heir else None
        objects = inherited(objects, gone, to) if to else objects
        source = Source(scratch.name, objects, default, moving=moving)
        return swap(self._workspace, source, reason, (*self._locks(), scratch.guard))

    def kept(self) -> Sequence[Kept]:
        """Give the kept states, newest first."""
        with self.server.connect() as session:
            return [each.kept for each in kept.states(self._workspace, session)]

    def undo(self) -> tuple[Kept, Kept | None]:
        """Put the newest kept state back, and keep what it replaces. Gives (put back, now kept)."""
        return undo(self._workspace, self._locks())

    def discard(self, kept_state: Kept) -> None:
        """Delete one kept state for good."""
        with self.server.connect() as session:
            kept.discard(self._workspace, session, kept_state.id)

    def recover(self) -> Sequence[str]:
        """End a swap that died, and remove the schemas that dead processes left; a sentence about each thing done.

        Also one about each schema that looks like a kept state and is listed nowhere: it is for people to look at.
        """
        with self.server.connect() as session:
            unknown = [_UNKNOWN.format(name, quoted(name)) for name in kept.unknown(self._workspace, session)]
            if not self._workspace.is_there(session):
                return unknown
            done = []
            live = settle(self._workspace, session)
            if live is not None:
                done.append(f"{_TOLD[live]} ({self.server.url})")
            for name, guard, purpose in self._workspace.recorded(session, _SCRATCH):
                if is_free(session, guard):
                    self._workspace.remove(session, name)
                    done.append(f"removed schema {name}, which a {purpose} that died left behind")
            for name in kept.orphans(self._workspace, session):
                self._workspace.remove(session, name)
                done.append(f"removed schema {name}, which a restore that died left behind")
            return [*done, *unknown]

    def _locks(self) -> tuple[NamedLock, ...]:
        return (self._lock,) if self._lock else ()

    def _default(self, session: Session, charset: str, collation: str) -> str:
        """Say in SQL what a new schema gives to tables that name no charset."""
        live = default_of(session, self.database)
        if live and not charset and not collation:
            charset, collation = live.charset, live.collation
        return (f" CHARACTER SET {charset}" if charset else "") + (f" COLLATE {collation}" if collation else "")


_UNKNOWN = (
    "schema {0} is called like a state that a restore kept, and nothing is written down of it, so it was left as it "
    "is. To look what is in it: SHOW TABLES FROM {1}. To have rows of it back: INSERT INTO ... SELECT ... FROM {1}. If "
    "nobody needs it: DROP DATABASE {1}"
)
_TOLD = {
    True: "a restore died when it had gone live; what was missing around it was completed",
    False: "a restore that died before it went live was cleaned up; the database is as it was",
}
