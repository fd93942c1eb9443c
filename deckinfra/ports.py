"""The five nouns as protocols: what a plugin brings, and what every service may rely on.

A docstring here is a contract. The suites in :mod:`deckinfra.testing` check each sentence that can
be checked, on the built-ins and on anybody's plugin. Methods raise the errors of
:mod:`deckinfra.errors` that they name, and no other library's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from deckinfra.core.command import Command, Completed
from deckinfra.core.manifest import Facts, Part
from deckinfra.core.urls import DatabaseURL, StoreURL

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings

MAX_BLOB: Final = 64 * 1024 * 1024
"""Size limit of one blob, in bytes. What is larger is kept as several, so memory stays bounded."""

MAX_CHUNK: Final = 16 * 1024 * 1024
"""Size limit of one chunk that an engine gives, in bytes. Stored, it may be a little larger than it was."""

VERSION_TABLE: Final = "alembic_version"
"""The table in which migrations keep the revisions that a database is at."""


# Reporter ---------------------------------------------------------------------------------------


class Progress(Protocol):
    """How far one long piece of work is."""

    def advance(self, amount: int) -> None:
        """Add ``amount`` to what is done. Thread-safe, and cheap enough to call for every chunk."""


class Reporter(Protocol):
    """Where a service says what it is doing. It never fails and never blocks for long."""

    def step(self, title: str) -> None:
        """Say that a phase begins: ``back up``, ``drill``."""

    def note(self, text: str) -> None:
        """Say something worth knowing: what was done, or that nothing needed to be."""

    def warn(self, text: str) -> None:
        """Say something that a person should look at; the work goes on."""

    def progress(self, label: str, total: int | None, unit: str = "bytes") -> AbstractContextManager[Progress]:
        """Show progress towards ``total`` of ``unit`` (None: not known) while the context is open."""


# Store ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlobInfo:
    """One stored blob: its name, its size in bytes, and when it was written (aware)."""

    name: str
    size: int
    modified: datetime


class Store(Protocol):
    """Keeps named blobs of at most :data:`MAX_BLOB` bytes. All methods are thread-safe.

    A name is one to eight segments of ``[A-Za-z0-9._-]`` (not starting with a dot), joined by ``/``.
    Every method raises :class:`StoreError` when the place cannot be reached, is full, or forbids it.
    """

    cheap_reads: bool
    """Whether reading back is so cheap that a backup should check what it reuses by reading it."""

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        """Store ``data`` under ``name``: all of it or nothing, and durably, when this returns.

        A reader sees the old blob or the new one, never a part. With ``overwrite=False``, exactly one
        of several writers succeeds; the others get :class:`BlobExistsError`.
        """

    def get(self, name: str) -> bytes:
        """Give the whole blob; :class:`BlobNotFoundError` if there is none."""

    def stat(self, name: str) -> BlobInfo | None:
        """Tell of one blob, or None if there is none."""

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Give every blob whose name starts with ``prefix``, in no order. Unfinished writes do not show."""

    def delete(self, name: str) -> None:
        """Remove a blob. It is no error if there is none."""

    def sweep(self) -> int:
        """Remove what interrupted writes left behind and give how many; only called while nobody writes."""

    def close(self) -> None:
        """Let go of connections. No other method is called afterwards."""

    def __str__(self) -> str:
        """Say where this is, for messages: no secrets."""


# Engine -----------------------------------------------------------------------------------------


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


# Executor and Environment -----------------------------------------------------------------------


class Executor(Protocol):
    """Runs commands in one place."""

    def run(
        self,
        command: Command,
        *,
        stdin: Iterable[bytes] = (),
        stdout: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """Run ``command`` to its end, in bounded memory. The exit code is the caller's to judge.

        ``stdin`` is fed as it comes; with ``stdout``, output goes there piece by piece and is not
        kept; otherwise the last MiB of it is. :class:`CommandError` when it cannot be started, and
        :class:`StackError` where that is since its place in a stack does not run;
        :class:`TimeLimitError`, with the command and its children ended, when its time is up.
        """

    def __str__(self) -> str:
        """Say where this runs, for messages."""


def on_this_terminal(argv: Sequence[str]) -> Command:
    """Give the command that runs ``argv`` on this machine, for a person at its terminal: without a time limit."""
    return Command(tuple(argv), math.inf)


@dataclass(frozen=True)
class DatabaseTools:
    """Where the database's own command-line tools run, and the database's URL as seen from there.

    The URL has the account for backups and restores, with its password. ``interactive`` gives the command that
    runs a tool there on a person's terminal, as :meth:`Stack.interactive` does; not set, that is the tool itself.
    """

    executor: Executor
    url: DatabaseURL
    interactive: Callable[[Sequence[str]], Command] = on_this_terminal


@dataclass(frozen=True)
class Service:
    """One service of a stack, as it is at this moment.

    ``state`` is ``running``, ``exited``, ``created``, ``restarting``, ``paused``, ``dead``, or ``absent`` where
    there is no container. ``health`` is ``healthy``, ``unhealthy``, ``starting``, or empty for a service that has no
    health check. A ``one_shot`` does its work and ends. ``image`` is the name of the image that it was started from,
    and ``image_id`` is that image, which need not be the one that the name stands for now. ``restarts`` counts how
    often it was started again after it had ended by itself; ``detail`` is what its last health check said, where that
    failed.
    """

    name: str
    state: str
    health: str = ""
    exit_code: int | None = None
    one_shot: bool = False
    image: str = ""
    image_id: str = ""
    ports: tuple[str, ...] = ()
    started: datetime | None = None
    restarts: int = 0
    detail: str = ""

    @property
    def ready(self) -> bool:
        """Whether there is nothing to wait for: it is healthy, or has done its work."""
        if self.one_shot:
            return self.state == "exited" and self.exit_code == 0
        return self.state == "running" and self.health in {"", "healthy"}

    @property
    def failed(self) -> bool:
        """Whether waiting is of no use: it ended. One that is ``dead`` may be on its way out, to make room."""
        return self.state == "exited" and not (self.one_shot and self.exit_code == 0)

    @property
    def described(self) -> str:
        """How it is, in a few words: ``healthy``, ``exited with 1``."""
        if self.state == "running":
            return self.health or "running"
        ended = f" with {self.exit_code}" if self.state == "exited" and self.exit_code is not None else ""
        return f"{self.state}{ended}"


class Stack(Protocol):
    """The services of an application that run together: images, containers, volumes.

    Every method raises :class:`StackError` when what runs the stack cannot be reached, is too old, or refuses;
    the message has its reason, the hint the next step. :class:`UnknownNameError` for a service that there is not.
    ``output`` is given what a person should see while it works, piece by piece.
    """

    @property
    def database(self) -> str:
        """The name of the service that the database runs in, or empty where it is not among them."""

    @property
    def timeout(self) -> float:
        """How many seconds all services together have to become ready, as the settings say."""

    def check(self) -> None:
        """Look whether the stack can be worked with at all: the engine answers, its files are valid."""

    def build(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Build the images of ``services`` (none: of all). What runs goes on with the image that it has."""

    def prepare(self, services: Sequence[str] = (), *, output: Callable[[bytes], None]) -> None:
        """Have the images that :meth:`start` needs: what can be built here and is missing is built, others are fetched.

        What is there stays as it is. An image that can be built here is never fetched.
        """

    def start(
        self,
        services: Sequence[str] = (),
        *,
        timeout: float,
        output: Callable[[bytes], None],
        until: Callable[[], bool] | None = None,
    ) -> None:
        """Create and start ``services`` (none: all), and what they depend on, from images that are there.

        Returns when all were started, which may have to wait until others are healthy or have done their work: at most
        ``timeout`` seconds, or until ``until()`` is true, which is asked now and then, in whatever thread; then it is
        a :class:`StackError`. What runs already, as it is described, stays as it is.
        """

    def stop(self, *, volumes: bool, output: Callable[[bytes], None]) -> None:
        """Stop and remove all containers; with ``volumes`` also their data. Backups stay."""

    def services(self) -> Sequence[Service]:
        """Give every service that :meth:`start` starts, in the order in which they depend on each other."""

    def tag(self, image_id: str, image: str) -> None:
        """Give an image a name, which another one may have had: how one goes back to it."""

    def logs(self, services: Sequence[str] = (), *, tail: int, follow: bool, output: Callable[[bytes], None]) -> None:
        """Give the last ``tail`` lines of each of ``services`` (none: all); with ``follow``, go on for ever."""

    def executor(self, service: str) -> Executor:
        """Give what runs commands in a running service."""

    def interactive(self, service: str, argv: Sequence[str]) -> Command:
        """Give the command that, run on a terminal, runs ``argv`` in the service with that terminal.

        It is not for an executor, and has no time limit: a person ends it.
        """

    def run(self, service: str, argv: Sequence[str], *, output: Callable[[bytes], None]) -> int:
        """Run ``argv`` (none: the service's own) in a new container of the service; gives its exit code at its end."""


class Environment(Protocol):
    """Where the application and its database run."""

    name: str
    """The name that was asked for: ``local``, ``production``."""

    kind: str
    """The registered kind: ``local``, ``docker``, ``ssh``."""

    settings: Settings

    def database_url(self) -> DatabaseURL:
        """Give the database's URL as seen from where deckinfra runs; :class:`ConfigurationError` if unusable.

        :class:`StackError` where it runs in a stack and cannot be reached from here.
        """

    def database_label(self) -> str:
        """Say which database it is, for manifests: one text, from wherever it is reached. No secrets."""

    def database_tools(self) -> DatabaseTools:
        """Give where the database's own tools run: beside the server where they can, so that they fit it."""

    def stack(self) -> Stack | None:
        """Give the services that run together, or None where deckinfra starts and stops nothing."""

    def executor(self) -> Executor:
        """Give what runs commands there."""

    def default_repository(self) -> StoreURL:
        """Give where backups go when the settings do not say."""


# What plugins register --------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One thing that ``invoke doctor`` looks at.

    ``look`` is given the project and gives None when all is well, or ``(what is wrong, how to mend it)``.
    """

    name: str
    look: Callable[[Any], tuple[str, str] | None]


@dataclass(frozen=True)
class Seed:
    """Example data for development. ``plant`` adds what is absent, changes nothing, and gives how many rows it added.

    It is given a SQLAlchemy connection inside a transaction that the caller commits.
    """

    name: str
    plant: Callable[[Any], int]


StoreFactory = Callable[[StoreURL, Path, "Settings"], Store]
"""Opens a store: its URL, the project's root (relative locations start there), the settings."""

EngineFactory = Callable[[DatabaseURL, Path, Environment], Engine]
"""Opens an engine for one database: its URL as seen from here, the project's root, the environment."""

EnvironmentFactory = Callable[[str, Path, "Settings"], Environment]
"""Makes an environment: the name that was asked for, the project's root, its settings."""
