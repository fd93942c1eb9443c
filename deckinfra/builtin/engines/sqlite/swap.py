"""Puts a verified file in the place of the live database, and keeps what it replaces.

A running application may have the live file open, so the file is never moved: SQLite's backup API
writes the new pages *into* it, in one transaction, which every connection sees from its next
statement on, and which SQLite rolls back if this process dies. Only a live file that SQLite cannot
read, or none, is replaced by renaming.

The journal says what was begun. What came of it shows in the schema version (the "cookie"): the
backup API sets it one higher in the same transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deckinfra.errors import DatabaseError, DeckinfraError, LockedError
from deckinfra.ports import Kept
from deckinfra.system.files import link_exclusive, sync_directory, sync_file

from . import journal, kept
from .connection import connect, copy, is_unreadable, opened, translated, version
from .inspect import inconsistency
from .journal import OVERWRITE, PLACE, REPLACE, Entry
from .workspace import Workspace, move_sidecars, sidecars

_ATTEMPTS: Final = 5
_PAGES_A_STEP: Final = 16
_FULL: Final = 1
"""What ``PRAGMA auto_vacuum`` calls ``FULL``."""


class _WrittenMeanwhileError(Exception):
    """Somebody committed between the copy of the old state and the lock for the new one."""


class _UnreadableError(Exception):
    """The live file is no database that SQLite could keep or write into."""


def swap(workspace: Workspace, source: Path, reason: str) -> Kept | None:
    """Make the content of ``source`` live and keep what it replaces; None if there was nothing.

    ``source`` is used up. Raises :class:`LockedError` when others keep the database busy, and
    :class:`DatabaseError` when it cannot be written; then the old state is live.
    """
    moment = datetime.now(UTC)
    entry = Entry(OVERWRITE, source, kept.next_id(workspace, moment), moment, reason)
    with _settled(workspace):
        if not workspace.has_live():
            return _go(workspace, replace(entry, how=PLACE))
        for _ in range(_ATTEMPTS):
            try:
                return _go(workspace, entry)
            except _WrittenMeanwhileError:
                _settle(workspace)
            except _UnreadableError:
                return _go(workspace, replace(entry, how=REPLACE))
        raise LockedError(
            f"the database {workspace.live} was written to each time the restored one was to go live",
            hint="The live database is as it was. Stop what writes to it for a moment and run it again.",
        )


def undo(workspace: Workspace) -> tuple[Kept, Kept | None]:
    """Make the newest kept state live again, and keep the one that it replaces."""
    states = kept.states(workspace)
    if not states:
        raise kept.nothing_kept(workspace)
    newest = states[0]
    path = kept.path_of(workspace, newest.id)
    if not newest.intact:
        raise DatabaseError(
            f"what the restore replaced was not a readable database; it lies in {path}",
            hint="Nothing was changed. Restore another snapshot: 'invoke db.backups' lists them.",
        )
    with opened(path, immutable=True) as connection:
        problem = inconsistency(connection, thorough=False)
    if problem is not None:
        raise DatabaseError(
            f"the kept state {path} is damaged: {problem}",
            hint="Nothing was changed. Restore a snapshot: 'invoke db.backups' lists them.",
        )
    return newest, swap(workspace, path, f"replaced by the undo of a restore, which put {newest.id} back")


def recover(workspace: Workspace) -> list[str]:
    """Bring a swap that was under way when its process died to a clean end; says what was done."""
    entry = journal.read(workspace)
    if entry is None:
        return []
    return [f"{_TOLD[_settle(workspace)]} ({workspace.live})"]


_TOLD: Final = {
    True: "a restore died when it had gone live, to judge by the schema version; it was tidied up after",
    False: "a restore that died before it went live was cleaned up; the database is as it was",
    None: "a restore died at its work, and the database cannot be read now; the state from before it is kept",
}


def _settle(workspace: Workspace) -> bool | None:
    """End the swap that the journal tells of; gives whether it had gone live (None: nobody can tell)."""
    entry = journal.read(workspace)
    if entry is None:
        return False
    live = _overwritten(workspace, entry) if entry.how == OVERWRITE else _renamed(workspace, entry)
    # Who can't tell, keeps; and a schema version says little once the application goes on changing the schema.
    journal.settle(workspace, entry, live=live is not False, spent=bool(live) and entry.how != OVERWRITE)
    return live


@contextmanager
def _settled(workspace: Workspace) -> Iterator[None]:
    """Whatever goes wrong, leave no swap half-way; where that is not possible either, :func:`recover` will."""
    try:
        yield
    except BaseException:
        with suppress(DeckinfraError, OSError):
            _settle(workspace)
        raise


def _go(workspace: Workspace, entry: Entry) -> Kept | None:
    {OVERWRITE: _overwrite, REPLACE: _replace, PLACE: _place}[entry.how](workspace, entry)
    journal.settle(workspace, entry, live=True, spent=True)
    return None if entry.how == PLACE else kept.state(workspace, entry.identity)


# Into a file that SQLite can read ----------------------------------------------------------------


def _overwrite(workspace: Workspace, entry: Entry) -> None:
    live, patience = workspace.live, workspace.patience
    try:
        _pad(entry.source)
        with (
            closing(connect(live, patience=patience)) as target,
            closing(connect(entry.source, immutable=True)) as restored,
        ):
            _agree_on_page_size(live, target, restored)
            (size,) = restored.execute("PRAGMA page_count").fetchone()
            with closing(connect(live, patience=patience)) as watching:
                before = _keep(workspace, entry, target, watching)
                copy(
                    restored,
                    target,
                    what=live,
                    patience=patience,
                    pages=min(_PAGES_A_STEP, size - 1),
                    on_first=lambda: _compare(before, version(live, watching)),
                )
    except sqlite3.Error as error:
        if is_unreadable(error) and journal.read(workspace) is None:
            raise _UnreadableError from error
        raise translated(error, live, patience=patience) from error


def _pad(source: Path) -> None:
    """Make sure that ``source`` has two pages, so that the first step of its copy is not the one that commits, too.

    Only a database without a single table has fewer; it gets a free page. Without ``FULL`` auto-vacuum, that is: it
    becomes ``INCREMENTAL``, since the page would be given back at once.
    """
    with closing(connect(source)) as connection:
        if connection.execute("PRAGMA page_count").fetchone()[0] > 1:
            return
        if connection.execute("PRAGMA auto_vacuum").fetchone()[0] == _FULL:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("CREATE TABLE padding (x)")
        connection.execute("DROP TABLE padding")


def _keep(workspace: Workspace, entry: Entry, target: sqlite3.Connection, watching: sqlite3.Connection) -> int:
    """Copy the live state while nobody can write, and write the journal; gives the state's version."""
    live, path = workspace.live, kept.path_of(workspace, entry.identity)
    try:
        target.execute("BEGIN IMMEDIATE")
        (cookie,) = target.execute("PRAGMA schema_version").fetchone()
        (pages,) = target.execute("PRAGMA page_count").fetchone()
        (page_size,) = target.execute("PRAGMA page_size").fetchone()
        workspace.need(2 * pages * page_size + entry.source.stat().st_size)
        with closing(sqlite3.connect(path, isolation_level=None)) as keeping:
            path.chmod(0o600)
            copy(watching, keeping, what=live, patience=workspace.patience)
        sync_file(path)
        before = version(live, watching)
        journal.begin(workspace, replace(entry, cookie=cookie))
        target.execute("ROLLBACK")
    except BaseException:
        kept.drop(path)
        raise
    return before


def _agree_on_page_size(live: Path, target: sqlite3.Connection, restored: sqlite3.Connection) -> None:
    """The backup API cannot change the page size of a file in WAL mode, so it has to leave that mode."""
    sizes = {connection.execute("PRAGMA page_size").fetchone() for connection in (target, restored)}
    (mode,) = target.execute("PRAGMA journal_mode").fetchone()
    if len(sizes) > 1 and mode == "wal":
        try:
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            raise LockedError(
                f"the page size of {live} must change, which SQLite does only when nobody else has it open",
                hint="The live database is as it was. Stop the application for a moment and run it again.",
            ) from error


def _compare(before: int, after: int) -> None:
    if before != after:
        raise _WrittenMeanwhileError


def _overwritten(workspace: Workspace, entry: Entry) -> bool | None:
    """Whether the new state is live. Opening the file has SQLite roll back what was not committed."""
    if not workspace.has_live():
        return None
    try:
        with closing(connect(workspace.live, patience=workspace.patience)) as connection:
            (cookie,) = connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if is_unreadable(error):
            return None
        raise translated(error, workspace.live, patience=workspace.patience) from error
    return bool(cookie != entry.cookie)


# In place of a file that SQLite cannot read, or of none ------------------------------------------


def _replace(workspace: Workspace, entry: Entry) -> None:
    live, path = workspace.live, kept.path_of(workspace, entry.identity)
    with _written(workspace):
        _dress(entry.source, live)
        journal.begin(workspace, entry)
        move_sidecars(live, path)
        link_exclusive(live, path)
        entry.source.replace(live)
        sync_directory(live.parent)


def _place(workspace: Workspace, entry: Entry) -> None:
    """Put a database where there is none. Stray sidecars go first: SQLite would replay them into it."""
    live = workspace.live
    with _written(workspace):
        _dress(entry.source, live.parent)
        journal.begin(workspace, entry)
        try:
            _move_strays(live, kept.path_of(workspace, entry.identity))
            link_exclusive(entry.source, live)
        except FileExistsError as error:
            raise LockedError(
                f"a database appeared at {live} while it was being restored",
                hint="It was not touched. Stop the application and run it again.",
            ) from error
        sync_directory(live.parent)


def _move_strays(live: Path, aside: Path) -> None:
    """Move what lies beside no database to where it does no harm: it may hold the last commits of one moved away."""
    for stray, target in zip(sidecars(live), sidecars(aside.with_name(f"stray-{aside.name}")), strict=True):
        if live.exists():
            raise FileExistsError(live)
        with suppress(FileNotFoundError):
            stray.rename(target)


@contextmanager
def _written(workspace: Workspace) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise workspace.failed(error) from error


def _renamed(workspace: Workspace, entry: Entry) -> bool:
    """Whether the new state is live: then its file has moved, or has its second name already."""
    live, source = workspace.live, entry.source
    return not source.exists() or (live.exists() and live.samefile(source))


def _dress(source: Path, like: Path) -> None:
    """Give ``source`` the owner of ``like``, and its mode if it is a file."""
    state = like.stat()
    with suppress(PermissionError):
        os.chown(source, state.st_uid, state.st_gid)
    source.chmod(state.st_mode & 0o777 if like.is_file() else 0o600)
