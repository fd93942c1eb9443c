"""The engine for one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError
from deckinfra.ports import VERSION_TABLE, DatabaseState, Kept, Shadow, Snapshot, SnapshotReader
from deckinfra.system.files import sync_file
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner

from . import kept, swap
from .connection import BUSY_TIMEOUT, opened
from .importing import SCRIPT_ENDS, run_script
from .inspect import tables
from .script import script_of
from .shadow import SqliteShadow
from .snapshot import taken
from .workspace import Workspace, remove

_LASTING: Final = ("page_size", "encoding")


class SqliteEngine:
    """Implements :class:`deckinfra.ports.Engine` for the file that ``url`` names with an absolute path.

    ``patience`` is how many seconds it waits for others who keep the database busy.
    """

    name = "sqlite"
    dialects = frozenset({"sqlite"})
    script_ends = SCRIPT_ENDS

    def __init__(self, url: DatabaseURL, *, patience: float = BUSY_TIMEOUT) -> None:
        self.url = url
        self._workspace = Workspace(Path(url.database), patience)

    def state(self) -> DatabaseState:
        """Look at the file. One that does not exist is no error; one that is no database is."""
        live = self._workspace.live
        if not self._workspace.has_live():
            return DatabaseState(False, 0, (), sqlite3.sqlite_version)
        if not live.is_file():
            raise DatabaseError(f"{live} is not a file", hint="Is DATABASE_URL right? 'invoke env.show' tells.")
        with opened(live, patience=self._workspace.patience) as connection:
            names = tuple(name for name in tables(connection) if name != VERSION_TABLE)
        return DatabaseState(True, live.stat().st_size, names, sqlite3.sqlite_version)

    def activity(self) -> None:
        """Give nothing: a file has no server."""

    @contextmanager
    def lock(self, purpose: str, *, timeout: float) -> Iterator[str | None]:
        """Hold the lock file beside the database, which the kernel frees when its holder dies."""
        self._workspace.make()
        what = f"the database {self._workspace.live}"
        with ExitStack() as stack:
            try:
                owner = Owner.me(purpose)
                died = stack.enter_context(file_lock(self._workspace.lock, owner, timeout=timeout, what=what))
            except OSError as error:
                raise self._workspace.failed(error) from error
            yield f"{died} died at its work on {self._workspace.live}" if died else None

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Copy the live database by the online backup API, and give that copy."""
        return taken(self._workspace)

    @contextmanager
    def shadow(self, purpose: str) -> Iterator[SqliteShadow]:
        """Make an empty file beside the live one."""
        with self._workspace.scratch("shadow") as path:
            yield SqliteShadow(self._workspace, path)

    def script(self, source: SnapshotReader) -> Iterator[bytes]:
        """Write a snapshot as SQL, from a copy of it; see :mod:`.script`."""
        with self._workspace.scratch("shadow") as path:
            SqliteShadow(self._workspace, path).load(source)
            yield from script_of(path)

    def run(self, shadow: Shadow, script: Iterator[bytes]) -> Sequence[str]:
        """Run a dump in the empty file; see :mod:`.importing`."""
        assert isinstance(shadow, SqliteShadow)
        run_script(shadow.path, script, like=self._form())
        try:
            sync_file(shadow.path)
        except OSError as error:
            raise self._workspace.failed(error) from error
        return ()

    def swap(self, shadow: Shadow, reason: str) -> Kept | None:
        """Write the shadow's pages into the live file in one transaction; see :mod:`.swap`."""
        assert isinstance(shadow, SqliteShadow)
        return swap.swap(self._workspace, shadow.path, reason)

    def kept(self) -> Sequence[Kept]:
        """Give the kept states, newest first."""
        return kept.states(self._workspace)

    def undo(self) -> tuple[Kept, Kept | None]:
        """Swap the newest kept state in."""
        return swap.undo(self._workspace)

    def discard(self, kept_state: Kept) -> None:
        """Delete one kept state for good."""
        kept.discard(self._workspace, kept_state.id)

    def recover(self) -> Sequence[str]:
        """End a swap that died, and remove the scratch files of processes that did."""
        done = swap.recover(self._workspace)
        left = [(name, "backup") for name in self._workspace.sweep("snapshot")]
        left += [(name, "restore or drill") for name in self._workspace.sweep("shadow")]
        left += [(name, "restore") for name in self._workspace.sweep_unfinished()]
        for path in kept.orphans(self._workspace):
            remove(path)
            left.append((path.name, "restore"))
        live = self._workspace.live
        return [*done, *(f"removed {name}, which a {who} that died left beside {live}" for name, who in left)]

    def _form(self) -> Mapping[str, str]:
        """Give what SQLite does not let change in the live file while somebody has it open."""
        if self._workspace.has_live():
            with suppress(DatabaseError), opened(self._workspace.live, patience=self._workspace.patience) as connection:
                return {name: str(*connection.execute(f"PRAGMA {name}").fetchone()) for name in _LASTING}
        return {}
