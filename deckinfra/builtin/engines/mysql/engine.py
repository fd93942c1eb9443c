"""The engine for one database on a MySQL or MariaDB server, read and loaded over connections of our own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from deckinfra.core.urls import DatabaseURL
from deckinfra.mysql import LiveDatabase, Server
from deckinfra.mysql.importing import SCRIPT_ENDS, run_script
from deckinfra.ports import (
    ALL_TABLES,
    Activity,
    DatabaseState,
    DatabaseTools,
    Kept,
    Reporter,
    Shadow,
    Snapshot,
    SnapshotReader,
    Tables,
)

from .admitting import admit, give_inside
from .codec import Codec
from .preflight import Preflight
from .script import script_of
from .shadow import MysqlShadow
from .snapshot import taken


class MysqlEngine:
    """Implements :class:`deckinfra.ports.SelectiveEngine`, and ``AccountsEngine``, for the database at ``url``.

    ``account`` is the same database with the account for backups and restores; so many ``connections`` read and load.
    ``find_tools`` says where the database's own tools run; one of these tells how much room there is.
    """

    name = "mysql"
    dialects = frozenset({"mysql", "mariadb"})
    script_ends = SCRIPT_ENDS

    def __init__(
        self,
        url: DatabaseURL,
        account: DatabaseURL,
        codec: Codec,
        *,
        connections: int = 4,
        find_tools: Callable[[], DatabaseTools] | None = None,
    ) -> None:
        self.url = url
        self._find_tools = find_tools
        self._codec = codec
        self._connections = connections
        self._server = Server(account)
        self._live = LiveDatabase(self._server, url.database)
        self._teller: Reporter | None = None

    def state(self) -> DatabaseState:
        """Look at the database. One that does not exist is no error."""
        return self._live.state()

    def activity(self) -> Activity:
        """Look at what the server is busy with."""
        return self._live.activity()

    def lock(self, purpose: str, *, timeout: float) -> AbstractContextManager[str | None]:
        """Hold a lock on the server that ends with its holder's connection."""
        return self._live.lock(purpose, timeout=timeout)

    def with_accounts(self, reporter: Reporter) -> MysqlEngine:
        """Give the same engine, which keeps accounts, too, and brings them back; see :mod:`.accounts`."""
        engine = copy.copy(self)
        engine._teller = reporter
        return engine

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Hold one point in time; see :mod:`.snapshot`."""
        return self.snapshot_of(ALL_TABLES)

    def snapshot_of(self, tables: Tables) -> AbstractContextManager[Snapshot]:
        """Hold one point in time, of which only the rows of ``tables`` are read."""
        return taken(
            self._server, self.url.database, self._codec, self._connections, tables, accounts=self._teller is not None
        )

    def shadow(self, purpose: str) -> AbstractContextManager[MysqlShadow]:
        """Make an empty schema beside the live one."""
        return self.shadow_of(purpose, ALL_TABLES)

    @contextmanager
    def shadow_of(self, purpose: str, tables: Tables) -> Iterator[MysqlShadow]:
        """Make an empty schema beside the live one, for some tables of a snapshot."""
        with self._live.scratch(purpose) as scratch:
            preflight = Preflight(self._server, scratch, self.url, self._find_tools)
            encode, connections = self._codec.encode, self._connections
            yield MysqlShadow(
                self._server,
                scratch,
                encode,
                preflight,
                connections=connections,
                tables=tables,
                accounts=self._teller is not None,
            )

    def script(self, source: SnapshotReader) -> Iterator[bytes]:
        """Write a snapshot as SQL; see :mod:`.script`."""
        return script_of(source)

    def run(self, shadow: Shadow, script: Iterator[bytes]) -> Sequence[str]:
        """Run a dump over a connection of our own; see :mod:`deckinfra.mysql.importing`."""
        assert isinstance(shadow, MysqlShadow)
        done = run_script(self._server, shadow.scratch.name, self.url.database, script)
        shadow.objects = done.objects
        return done.notes

    def swap(self, shadow: Shadow, reason: str) -> Kept | None:
        """Rename the tables of both schemas in one statement; see :mod:`deckinfra.mysql.swap`.

        Accounts are made before, since what goes live may be theirs; rights on what is in the schema are given after.
        """
        assert isinstance(shadow, MysqlShadow)
        if self._teller:
            admit(self._server, self.url.database, shadow.accounts, self._teller)
        kept = self._live.swap(shadow.scratch, reason, shadow.objects, shadow.moving, heir=self.url)
        if self._teller:
            give_inside(self._server, self.url.database, shadow.accounts, self._teller)
        return kept

    def kept(self) -> Sequence[Kept]:
        """Give the kept states, newest first."""
        return self._live.kept()

    def undo(self) -> tuple[Kept, Kept | None]:
        """Swap the newest kept state in."""
        return self._live.undo()

    def discard(self, kept: Kept) -> None:
        """Delete one kept state for good."""
        self._live.discard(kept)

    def recover(self) -> Sequence[str]:
        """End a swap that died, and remove the schemas that dead processes left."""
        return self._live.recover()
