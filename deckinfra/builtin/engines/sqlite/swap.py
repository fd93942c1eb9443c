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
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import format_time, parse_time
from deckinfra.errors import DatabaseError, LockedError
from deckinfra.ports import Kept
from deckinfra.system.files import link_exclusive, sync_directory, sync_file

from . import kept as kept_states
from .connection import connect, copy, is_unreadable, opened, translated
from .workspace import Workspace, remove, sidecars

_ATTEMPTS: Final = 5
_PAGES_A_STEP: Final = 16
_CLOCK_TICK: Final = 0.02
"""Seconds in which a file system's time of last change certainly moves on."""


class _WrittenMeanwhileError(Exception):
    """Somebody committed between the copy of the old state and the lock for the new one."""


def swap(workspace: Workspace, source: Path, reason: str) -> Kept | None:
    """Make the content of ``source`` live and keep what it replaces; None if there was nothing.

    ``source`` may be moved. Raises :class:`LockedError` when others keep the database busy, and
    :class:`DatabaseError` when it cannot be written; then the old state is live.
    """
    moment = datetime.now(UTC)
    identity = f"{moment:%Y%m%dT%H%M%S%fZ}"
    if not workspace.live.exists():
        _place(workspace, source, identity, moment)
        return None
    try:
        for _ in range(_ATTEMPTS):
            with suppress(_WrittenMeanwhileError):
                _overwrite(workspace, source, identity, moment, reason)
                return _finish(workspace, identity, moment, reason, intact=True)
            remove(kept_states.path_of(workspace, identity))
    except sqlite3.Error as error:
        remove(kept_states.path_of(workspace, identity))
        if not is_unreadable(error):
            raise translated(error, workspace.live) from error
        _replace(workspace, source, identity, moment, reason)
        return _finish(workspace, identity, moment, reason, intact=False)
    workspace.journal.unlink()
    raise LockedError(
        f"the database {workspace.live} was written to each time the restored one was to go live",
        hint="The live database is as it was. Stop what writes to it for a moment and run it again.",
    )


def recover(workspace: Workspace) -> list[str]:
    """Bring a swap that was under way when its process died to a clean end; says what was done."""
    if not workspace.journal.exists():
        return []
    what = str(workspace.journal)
    journal = decode(workspace.journal.read_bytes(), what)
    identity, reason = field_of(journal, "kept", str, what), field_of(journal, "reason", str, what)
    moment = parse_time(field_of(journal, "time", str, what), what)
    how = field_of(journal, "how", str, what)
    happened = _overwritten(workspace, journal, what) if how == "overwrite" else _renamed(workspace, journal, what)
    if happened:
        if kept_states.path_of(workspace, identity).exists():
            kept_states.record(workspace, identity, moment, reason, intact=how == "overwrite")
        workspace.journal.unlink()
        return [f"a restore that died at its end had gone live in {workspace.live}; it was tidied up after"]
    if how == "replace":
        _take_back_sidecars(workspace, identity)
    remove(kept_states.path_of(workspace, identity))
    workspace.journal.unlink()
    return [f"a restore that died before it went live was cleaned up; {workspace.live} is as it was"]


# Into a file that SQLite can read ----------------------------------------------------------------


def _overwrite(workspace: Workspace, source: Path, identity: str, moment: datetime, reason: str) -> None:
    live = workspace.live
    kept = kept_states.path_of(workspace, identity)
    with closing(connect(live)) as target, closing(connect(source, immutable=True)) as restored:
        _agree_on_page_size(target, restored, live)
        target.execute("BEGIN IMMEDIATE")
        (cookie,) = target.execute("PRAGMA schema_version").fetchone()
        (pages,) = target.execute("PRAGMA page_count").fetchone()
        (page_size,) = target.execute("PRAGMA page_size").fetchone()
        workspace.need(2 * pages * page_size + source.stat().st_size)
        with closing(connect(live)) as reading, closing(sqlite3.connect(kept, isolation_level=None)) as keeping:
            kept.chmod(0o600)
            copy(reading, keeping, what=live)
        sync_file(kept)
        time.sleep(_CLOCK_TICK)
        before = _fingerprint(live)
        _begin(workspace, identity, moment, reason, how="overwrite", cookie=cookie)
        target.execute("ROLLBACK")
        (size,) = restored.execute("PRAGMA page_count").fetchone()
        copy(
            restored,
            target,
            what=live,
            # Fewer than there are, so that the first step is not the one that commits, too. Only a
            # database without a single table has one page, or none, and goes unwatched.
            pages=max(1, min(_PAGES_A_STEP, size - 1)),
            on_first=(lambda: _compare(before, _fingerprint(live))) if size > 1 else None,
        )


def _agree_on_page_size(target: sqlite3.Connection, restored: sqlite3.Connection, live: Path) -> None:
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


def _fingerprint(live: Path) -> tuple[tuple[int, int], ...]:
    """Give what changes with every commit. Taken by name: opening the file here could drop its locks."""
    found = []
    for path in (live, live.with_name(live.name + "-wal")):
        with suppress(FileNotFoundError):
            state = path.stat()
            found.append((state.st_mtime_ns, state.st_size))
    return tuple(found)


def _compare(before: object, after: object) -> None:
    if before != after:
        raise _WrittenMeanwhileError


def _overwritten(workspace: Workspace, journal: Mapping[str, Any], what: str) -> bool:
    """Whether the new state is live. Opening the file has SQLite roll back what was not committed."""
    with opened(workspace.live) as connection:
        (cookie,) = connection.execute("PRAGMA schema_version").fetchone()
    return bool(cookie != field_of(journal, "cookie", int, what))


# In place of a file that SQLite cannot read, or of none ------------------------------------------


def _replace(workspace: Workspace, source: Path, identity: str, moment: datetime, reason: str) -> None:
    live, kept = workspace.live, kept_states.path_of(workspace, identity)
    _dress(source, live)
    _begin(workspace, identity, moment, reason, how="replace", source=source.name)
    try:
        _move_sidecars(live, kept)
        link_exclusive(live, kept)
        _rename(source, live)
    except OSError as error:
        raise workspace.failed(error) from error


def _place(workspace: Workspace, source: Path, identity: str, moment: datetime) -> None:
    """Put a database where there is none. Stray sidecars go first: SQLite would replay them into it."""
    live = workspace.live
    _dress(source, live.parent)
    _begin(workspace, identity, moment, "", how="place", source=source.name)
    try:
        _move_sidecars(live, kept_states.path_of(workspace, identity))
        link_exclusive(source, live)
    except FileExistsError as error:
        workspace.journal.unlink()
        raise LockedError(
            f"a database appeared at {live} while it was being restored",
            hint="It was not touched. Stop the application and run it again.",
        ) from error
    except OSError as error:
        raise workspace.failed(error) from error
    source.unlink()
    sync_directory(live.parent)
    workspace.journal.unlink()


def _rename(source: Path, live: Path) -> None:
    source.replace(live)
    sync_directory(live.parent)


def _renamed(workspace: Workspace, journal: Mapping[str, Any], what: str) -> bool:
    """Whether the new state is live: then its file has moved, or has its second name already."""
    source = workspace.folder / field_of(journal, "source", str, what)
    return not source.exists() or (workspace.live.exists() and workspace.live.samefile(source))


def _dress(source: Path, like: Path) -> None:
    """Give ``source`` the owner of ``like``, and its mode if it is a file."""
    state = like.stat()
    with suppress(PermissionError):
        os.chown(source, state.st_uid, state.st_gid)
    source.chmod(state.st_mode & 0o777 if like.is_file() else 0o600)


def _move_sidecars(live: Path, kept: Path) -> None:
    for old, new in zip(sidecars(live), sidecars(kept), strict=True):
        with suppress(FileNotFoundError):
            old.rename(new)


def _take_back_sidecars(workspace: Workspace, identity: str) -> None:
    _move_sidecars(kept_states.path_of(workspace, identity), workspace.live)


# The journal -------------------------------------------------------------------------------------


def _begin(workspace: Workspace, identity: str, moment: datetime, reason: str, **more: object) -> None:
    document = {"kept": identity, "time": format_time(moment), "reason": reason, **more}
    workspace.write(workspace.journal, encode(document))


def _finish(workspace: Workspace, identity: str, moment: datetime, reason: str, *, intact: bool) -> Kept:
    kept = kept_states.record(workspace, identity, moment.replace(microsecond=0), reason, intact=intact)
    workspace.journal.unlink()
    return kept


def undo(workspace: Workspace) -> tuple[Kept, Kept | None]:
    """Make the newest kept state live again, and keep the one that it replaces."""
    states = kept_states.states(workspace)
    if not states:
        raise kept_states.nothing_kept(workspace)
    newest = states[0]
    path = kept_states.path_of(workspace, newest.id)
    if not newest.intact:
        raise DatabaseError(
            f"what the restore replaced was not a readable database; it lies in {path}",
            hint="Nothing was changed. Restore another snapshot: 'invoke db.backups' lists them.",
        )
    replaced = swap(workspace, path, f"replaced by the undo of a restore, which put {newest.id} back")
    kept_states.discard(workspace, newest.id)
    return newest, replaced
