"""The engine for one database on a MySQL or MariaDB server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property

from deckinfra.core.urls import DatabaseURL
from deckinfra.mysql import LiveDatabase, Server
from deckinfra.mysql.importing import SCRIPT_ENDS, run_script
from deckinfra.ports import Activity, DatabaseState, DatabaseTools, Kept, Shadow, Snapshot, SnapshotReader

from .script import script_of
from .shadow import ClientShadow
from .snapshot import taken
from .tools import Tools


class ClientEngine:
    """Implements :class:`deckinfra.ports.Engine` for the database at ``url``.

    ``account`` is the same database with the account for backups and restores; ``find_tools`` says where the
    database's own tools run, and is not asked before they are needed.
    """

    name = "client"
    dialects = frozenset({"mysql", "mariadb"})
    script_ends = SCRIPT_ENDS

    def __init__(
        self,
        url: DatabaseURL,
        account: DatabaseURL,
        find_tools: Callable[[], DatabaseTools],
    ) -> None:
        self.url = url
        self._find_tools = find_tools
        self._server = Server(account)
        self._live = LiveDatabase(self._server, url.database)

    def state(self) -> DatabaseState:
        """Look at the database. One that does not exist is no error."""
        return self._live.state()

    def activity(self) -> Activity:
        """Look at what the server is busy with."""
        return self._live.activity()

    def lock(self, purpose: str, *, timeout: float) -> AbstractContextManager[str | None]:
        """Hold a lock on the server that ends with its holder's connection."""
        return self._live.lock(purpose, timeout=timeout)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Start the server's dump tool; see :mod:`.snapshot`."""
        return taken(self._server, self.url.database, self._tools)

    @contextmanager
    def shadow(self, purpose: str) -> Iterator[ClientShadow]:
        """Make an empty schema beside the live one."""
        tools = self._tools
        with self._live.scratch(purpose) as scratch:
            yield ClientShadow(self._server, tools, scratch)

    def script(self, source: SnapshotReader) -> Iterator[bytes]:
        """Give the dump as the tool wrote it, and what stands around its tables; see :mod:`.script`."""
        return script_of(source)

    def run(self, shadow: Shadow, script: Iterator[bytes]) -> Sequence[str]:
        """Run a dump over a connection of our own; see :mod:`deckinfra.mysql.importing`."""
        assert isinstance(shadow, ClientShadow)
        done = run_script(self._server, shadow.scratch.name, self.url.database, script)
        shadow.objects = done.objects
        return done.notes

    def swap(self, shadow: Shadow, reason: str) -> Kept | None:
        """Rename the tables of both schemas in one statement; see :mod:`deckinfra.mysql.swap`."""
        assert isinstance(shadow, ClientShadow)
        return self._live.swap(shadow.scratch, reason, shadow.objects, heir=self.url)

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

    @cached_property
    def _tools(self) -> Tools:
        return Tools.fitting(self._find_tools(), self._server)
