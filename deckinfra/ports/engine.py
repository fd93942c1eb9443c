"""What takes a snapshot of one database, and puts one back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

from deckinfra.core.manifest import Facts, Part
from deckinfra.core.urls import DatabaseURL

from .reporter import Reporter

MAX_CHUNK: Final = 16 * 1024 * 1024
"""Size limit of one chunk that an engine gives, in bytes. Stored, it may be a little larger than it was."""

VERSION_TABLE: Final = "alembic_version"
"""The table in which migrations keep the revisions that a database is at."""


@dataclass(frozen=True)
class Tables:
    """Which tables of a database are meant: ``only`` some, or all ``but`` some; all, where neither names any."""

    only: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        return (not self.only or name in self.only) and name not in self.but

    @property
    def are_all(self) -> bool:
        """Whether no table is left out."""
        return not self.only and not self.but

    @property
    def named(self) -> frozenset[str]:
        """All names that were given."""
        return self.only | self.but


ALL_TABLES: Final = Tables()
"""No table is left out."""


@dataclass(frozen=True)
class Chunk:
    """A run of bytes of one part: ``(kind, name)`` says which. Chunks of a part come in order."""

    kind: str
    name: str
    data: bytes


class Snapshot(Protocol):
    """One point in time of one database, held still while it is read."""

    size: int
    """About how many bytes :meth:`chunks` will give in all; for progress only."""

    revisions: tuple[str, ...]
    """The schema revisions that the snapshot is at; empty where there is no version table."""

    details: Mapping[str, Any]
    """What else the manifest should keep: versions, positions. JSON values; no secrets.

    ``warnings``, where it is there, is a list of sentences on what this backup cannot do, for whoever takes it.
    """

    def chunks(self) -> Iterator[Chunk]:
        """Give all the data, each chunk at most :data:`MAX_CHUNK` bytes. Unchanged data gives the same chunks."""

    def facts(self) -> Sequence[Facts]:
        """Give what a restore will be compared with. Called after :meth:`chunks` has ended."""


class SnapshotReader(Protocol):
    """Reads a stored snapshot back. Thread-safe."""

    @property
    def parts(self) -> Sequence[Part]:
        """The parts that hold the bytes, in the order in which the engine gave them."""

    @property
    def details(self) -> Mapping[str, Any]:
        """What the engine's snapshot kept in :attr:`Snapshot.details`."""

    def read(self, part: Part) -> Iterator[bytes]:
        """Give a part's chunks in order, each checked; :class:`DamagedError` before any wrong byte is given."""


@dataclass(frozen=True)
class DatabaseState:
    """What is at a database URL. ``tables`` leaves out the engine's own and the version table."""

    exists: bool
    size: int
    tables: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class RunningQuery:
    """One statement that a server is at: whose it is, for how many seconds, and how it begins."""

    connection: int
    user: str
    seconds: float
    statement: str


@dataclass(frozen=True)
class Activity:
    """What a database server is busy with.

    ``connections`` are all that are open, of ``connection_limit`` that there may be. ``slow_queries`` counts
    those that the server took for slow since it started; ``running`` are those under way now that have been so
    for some time, longest first.
    """

    connections: int
    connection_limit: int
    slow_queries: int
    running: tuple[RunningQuery, ...] = ()


@dataclass(frozen=True)
class Kept:
    """An earlier state of the database that a restore replaced and kept.

    ``intact`` is False where what was replaced could not be read as a database.
    """

    id: str
    time: datetime
    size: int
    reason: str
    intact: bool = True


class Shadow(Protocol):
    """A restored database beside the live one, not in use yet."""

    @property
    def url(self) -> DatabaseURL:
        """The loaded database, for SQLAlchemy, with an account that may read all of it. Nobody may change it."""

    def load(self, source: SnapshotReader) -> None:
        """Write everything that ``source`` holds; :class:`DamagedError` comes through as it is."""

    def facts(self) -> Sequence[Facts]:
        """Check the loaded data for consistency and give its facts, found by looking, not by remembering.

        :class:`DamagedError` says what is inconsistent.
        """


class Engine(Protocol):
    """One database, live at one URL: takes snapshots of it, and puts one back.

    Every method raises :class:`DatabaseError` when the database cannot be reached or read,
    and :class:`LockedError` when others kept it busy for longer than the engine waits.
    """

    name: str
    """The engine's registered name; a manifest says which engine can restore it."""

    dialects: frozenset[str]
    """The dialects of the URLs of which it can restore what it took: ``{"mysql", "mariadb"}``."""

    url: DatabaseURL

    def state(self) -> DatabaseState:
        """Look at the database. One that does not exist is no error; one that cannot be read is."""

    def activity(self) -> Activity | None:
        """Look at what the database's server is busy with; None where there is no server."""

    def lock(self, purpose: str, *, timeout: float) -> AbstractContextManager[str | None]:
        """Keep every other migration and restore of this database out while the context is open.

        Waits up to ``timeout`` seconds, then :class:`LockedError` names the holder. The value is None,
        or a sentence about a holder that died at its work, which is for the user to read.
        """

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Hold one consistent point in time, under concurrent writers; released when the context ends."""

    def shadow(self, purpose: str) -> AbstractContextManager[Shadow]:
        """Make an empty place beside the live database. It is gone when the context ends, unless swapped in."""

    def swap(self, shadow: Shadow, reason: str) -> Kept | None:
        """Make ``shadow`` the live database in one step, and keep the state it replaces (None: there was none).

        Called under :meth:`lock`. Killed at any point, it leaves the old state or the new one live.
        """

    def kept(self) -> Sequence[Kept]:
        """Give the kept states, newest first."""

    def undo(self) -> tuple[Kept, Kept | None]:
        """Put the newest kept state back, and keep what it replaces. Gives (put back, now kept).

        Called under :meth:`lock`. :class:`UnknownNameError` if nothing was kept.
        """

    def discard(self, kept: Kept) -> None:
        """Delete one kept state for good."""

    def recover(self) -> Sequence[str]:
        """Clean up after a process that died in shadow, swap or undo; a sentence about each thing done.

        Called under :meth:`lock`. Does nothing, and gives nothing, where nothing was left.
        """


class SelectiveShadow(Shadow, Protocol):
    """A shadow of some tables of a database."""

    def expected(self, facts: Sequence[Facts]) -> Sequence[Facts]:
        """Give those of a snapshot's facts that this shadow's own are to be compared with."""


@runtime_checkable
class SelectiveEngine(Engine, Protocol):
    """An engine that can take and restore some tables, and leave the others as they are.

    Its snapshots tell in the list ``without_rows`` of :attr:`Snapshot.details` of which tables they have no rows. When
    such a one is swapped in, these tables stay as they are in the live database; where there is none, they are empty.
    """

    def snapshot_of(self, tables: Tables) -> AbstractContextManager[Snapshot]:
        """Hold a point in time, like :meth:`snapshot`, that has only the rows of ``tables``; all else is whole.

        :class:`UnknownNameError` names a table that is not there.
        """

    def shadow_of(self, purpose: str, tables: Tables) -> AbstractContextManager[SelectiveShadow]:
        """Make a shadow, like :meth:`shadow`, that loads only ``tables``.

        Swapped in, it replaces these and nothing else. Its ``load`` raises :class:`UnknownNameError` for a table that
        the snapshot does not have, and :class:`RefusedError` for one of which it has no rows; ``swap`` raises
        :class:`RefusedError` where what stays would not fit.
        """


@runtime_checkable
class AccountsEngine(Engine, Protocol):
    """An engine that can keep in a snapshot who may use the database, and bring these accounts back."""

    def with_accounts(self, reporter: Reporter) -> Engine:
        """Give the same engine, whose snapshots have the accounts, too, and whose ``swap`` brings back those it lacks.

        A snapshot that it may not read them for is a :class:`RefusedError`, as is loading one that has none. Accounts
        that are there already keep their passwords, and nothing is done to any before ``swap``: what was is said to
        ``reporter``. What stands for a password is shown to nobody.
        """


@dataclass(frozen=True)
class Need:
    """One thing that a restore needs, said before it begins: half a sentence, ``about 2.1 GiB on the server's disk``.

    ``lacking`` says what there is instead, where that is not enough: then nothing is loaded, and ``hint`` says what to
    do. Without it, both are for a person to know.
    """

    what: str
    lacking: str = ""
    hint: str = ""


@runtime_checkable
class CarefulShadow(Shadow, Protocol):
    """A shadow that can tell before it loads what is needed for that, and for what comes after."""

    def needs(self, source: SnapshotReader) -> Sequence[Need]:
        """Give what loading ``source`` and swapping it in needs; changes nothing that lasts."""
