"""Puts the tables of one schema in the place of the live ones, and keeps what they replace.

In this order, each step to be done again or taken back by whoever finds it half done:

1. What will have to be made is tried out beside the live database (:mod:`.rehearsal`).
2. The journal has the old state and the new one, but for the tables' rows. From here on :func:`settle` can end it.
3. The tables change places, and a marker with them (:mod:`.cutover`): that is the swap.
4. Views, routines and events follow (:mod:`.apply`). For as long as that takes, a fraction of a second as a rule, the
   old ones stand on the new tables.
5. The old state is listed as a kept one in the transaction that ends the journal.

Killed before the marker was renamed, the old state is live, and what was dropped of its triggers is put back; killed
after, the new one is, and what is missing around it is made. On MySQL, whose ``LOCK TABLES`` ends with our connection,
a kill within the milliseconds of step 3 can leave tables without triggers until the next run; on MariaDB the server
goes on.

Grants belong to names and stay, but for those on a single routine: MySQL forgets them when the routine differs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from deckinfra.errors import DatabaseError, DeckinfraError, LockedError
from deckinfra.ports import Kept

from . import kept
from .apply import apply, apply_triggers, clear
from .asides import in_the_way, step_aside, step_back
from .cutover import ChangedMeanwhileError, cut_over, finish
from .definitions import SchemaObject
from .journal import Entry, State
from .lock import LostLockError, NamedLock
from .making import Maker
from .moving import ALL, Moving, refuse_torn, refuse_unlike
from .names import kept_of, next_id, qualified, quoted
from .objects import NOTHING, ObjectSet
from .processes import blockers
from .rehearsal import rehearse
from .server import Session
from .tables import Default, default_of, drop_dangling, refuse_crossing, refuse_dangling, tables
from .workspace import Workspace

_PAUSE: Final = 0.5
"""Seconds between two tries for locks, in which whoever queued behind the first one gets on."""


@dataclass(frozen=True)
class Source:
    """A schema whose tables are to go live, and what is to be made around them.

    ``put_back`` is the id of the kept state that it is, if it is one; ``left_out`` is what belonged to it or to
    earlier ones and cannot be made, since it stands on something that is not there. ``moving`` says which tables change
    places.
    """

    schema: str
    objects: ObjectSet
    default: Default
    put_back: str = ""
    left_out: ObjectSet = NOTHING
    moving: Moving = ALL


def swap(workspace: Workspace, source: Source, reason: str, locks: tuple[NamedLock, ...]) -> Kept | None:
    """Make ``source`` live and keep what it replaces; None if there was nothing. The source's schema is used up.

    ``locks`` are looked at just before: whoever lost one has no business here. Raises :class:`LockedError`, which
    names who is in the way, and :class:`DatabaseError`; the hint says which state is live.
    """
    server = workspace.server
    server.require_supported()
    with workspace.made() as session:
        old = ObjectSet.of(session, workspace.database) if default_of(session, workspace.database) else ObjectSet()
        leaving = source.moving.leaving(tables(session, workspace.database))
        refuse_dangling(session, workspace.database, leaving)
        rehearsed = _rehearsed(workspace, session, source)
        broken = rehearse(session, source.schema, rehearsed, old, strict=not source.put_back)
        if broken:
            reason = f"{reason}, but for {', '.join(map(str, broken))}: what that stands on is missing"
            left_out = ObjectSet(tuple(dict.fromkeys((*source.left_out.objects, *broken))))
            source = replace(source, objects=source.objects.without(broken), left_out=left_out)
        comes_whole = source.moving.around and not source.put_back
        dangling = drop_dangling(session, source.schema) if comes_whole else ()
        if dangling:
            reason = f"{reason}, but for {', '.join(dangling)}: what that leads to is missing"
        deadline = time.monotonic() + server.patience
        while True:
            for lock in locks:
                lock.check()
            try:
                return _try(workspace, session, source, reason, locks)
            except LostLockError:
                raise
            except (LockedError, ChangedMeanwhileError) as error:
                if workspace.journal(session) is not None:  # it is live, and only what is around it is not there yet
                    raise
                if time.monotonic() > deadline:
                    raise _in_the_way(workspace, session, error) from error
                time.sleep(_PAUSE)


def undo(workspace: Workspace, locks: tuple[NamedLock, ...]) -> tuple[Kept, Kept | None]:
    """Make the newest kept state live again, and keep the one that it replaces.

    Views that did not work before either are left out; the reason of what is kept now names them, its document has
    their text.
    """
    with workspace.server.connect() as session:
        states = kept.states(workspace, session)
        if not states:
            raise kept.nothing_kept(workspace)
        newest = states[0]
        lost = set(newest.state.tables) - set(tables(session, newest.schema))
        if lost:
            raise DatabaseError(
                f"the kept state {newest.kept.id} lacks tables that it had: {', '.join(sorted(lost))}",
                hint=f"Nothing was changed. Who changed {newest.schema}? To restore a snapshot: 'invoke db.restore'.",
            )
    state = newest.state
    source = Source(newest.schema, state.objects, state.default, newest.kept.id, newest.left_out, newest.moving)
    reason = f"replaced by the undo of a restore, which put {newest.kept.id} back"
    return newest.kept, swap(workspace, source, reason, locks)


def settle(workspace: Workspace, session: Session) -> bool | None:
    """End the swap that the journal tells of; gives whether it had gone live, or None if there was none."""
    document = workspace.journal(session)
    if document is None:
        return None
    entry = Entry.from_document(document)
    if workspace.is_done(session):
        _forward(workspace, session, entry)
        return True
    _back(workspace, session, entry)
    return False


def _rehearsed(workspace: Workspace, session: Session, source: Source) -> ObjectSet:
    """Give what a swap may have to make, and see to it that what that stands on is there.

    Of the tables that stay there are empty ones like them in the source's schema, for views to stand on.
    """
    if source.moving.is_all or default_of(session, workspace.database) is None:
        return source.objects
    ours, theirs = tables(session, workspace.database), tables(session, source.schema)
    arriving = source.moving.arriving(theirs, ours)
    if not source.moving.around:
        return source.objects.triggers_on(arriving)
    for name in set(ours) - set(theirs) - set(source.moving.leaving(ours)):
        place = qualified(source.schema, name)
        session.execute(f"CREATE TABLE {place} LIKE {qualified(workspace.database, name)}")
    staying = source.objects.triggers_on(set(ours) - set(arriving))
    return source.objects.without(staying.objects)


def _try(
    workspace: Workspace, session: Session, source: Source, reason: str, locks: tuple[NamedLock, ...]
) -> Kept | None:
    entry = _entry(workspace, session, source, reason)
    for schema in {workspace.database, source.schema}:
        refuse_crossing(session, schema)
    with _settled(workspace, session, entry):
        workspace.mark(session)
        if entry.kept:
            workspace.record(session, entry.kept, kept.SCHEMA)
        workspace.write_journal(session, entry.document())
        _prepare(workspace, session, entry)
        for lock in locks:
            lock.check()
        cut_over(workspace, session, entry, workspace.server.vendor)
    with _live(workspace, session):
        _move_strays(workspace, session, entry)
        _forward(workspace, session, entry)
    return next((each.kept for each in kept.states(workspace, session) if each.kept.id == entry.identity), None)


def _entry(workspace: Workspace, session: Session, source: Source, reason: str) -> Entry:
    moment = datetime.now(UTC)
    identity = next_id(kept.newest_id(workspace, session), moment)
    live, moving = workspace.database, source.moving
    default, theirs = default_of(session, live), tables(session, source.schema)
    if default is None:
        new = State(theirs, source.objects, source.default)
        return Entry(identity, moment, reason, source.schema, new, put_back=source.put_back, left_out=source.left_out)
    ours, objects = tables(session, live), ObjectSet.of(session, live)
    leaving, arriving = moving.leaving(ours), moving.arriving(theirs, ours)
    if not moving.is_all:
        _refuse_misfit(session, source, live, ours)
    around = moving.objects(source.objects, objects, ours, arriving)
    new = State(arriving, around, source.default if moving.around else default)
    old = State(leaving, objects, default)
    aside, only = kept_of(live, identity), None if moving.is_all else tuple(sorted({*leaving, *arriving}))
    return Entry(
        identity, moment, reason, source.schema, new, aside, old, source.put_back, source.left_out, only, moving.around
    )


def _refuse_misfit(session: Session, source: Source, live: str, ours: Sequence[str]) -> None:
    """Refuse what would not hold together where some tables stay; a state that is put back did so before."""
    moving, theirs = source.moving, tables(session, source.schema)
    leaving, arriving = moving.leaving(ours), moving.arriving(theirs, ours)
    refuse_torn(session, live, leaving)
    refuse_torn(session, source.schema, arriving)
    if not source.put_back:
        compared = set(arriving) & set(ours) if not moving.around else set(ours) - set(leaving)
        refuse_unlike(session, live, source.schema, sorted(compared & set(theirs)))


def _prepare(workspace: Workspace, session: Session, entry: Entry) -> None:
    """Make room: what stands in the way of the renames, and is easily put back."""
    live = workspace.database
    if entry.kept and entry.old:
        _make_schema(session, entry.kept, entry.old.default)
        step_aside(session, live, in_the_way(entry.old, entry.new))
        _set_collation(session, live, _collation_of_triggers(entry.new))
    else:
        _make_schema(session, live, entry.new.default)
        _set_collation(session, live, _collation_of_triggers(entry.new))


def _forward(workspace: Workspace, session: Session, entry: Entry) -> None:
    """The tables are live: make what belongs around them, list what was kept, and tidy up."""
    live = workspace.database
    finish(workspace, session, entry)
    _set_collation(session, live, entry.new.default.collation)
    apply(workspace.server, session, live, entry.new.objects)
    workspace.end(session, entry.identity, kept.document(entry), gone=entry.put_back)
    workspace.remove(session, entry.source)


def _back(workspace: Workspace, session: Session, entry: Entry) -> None:
    """The old tables are live: put back what was taken from them, and remove what was made."""
    live = workspace.database
    if entry.old is None:
        if default_of(session, live) and not tables(session, live) and not ObjectSet.of(session, live).objects:
            session.execute(f"DROP DATABASE {quoted(live)}")
    else:
        _set_collation(session, live, entry.old.default.collation)
        step_back(session, live, in_the_way(entry.old, entry.new))
        found, maker = ObjectSet.of(session, live), Maker(session, live)
        for table in sorted(entry.old.objects.triggered & set(tables(session, live))):
            there, wanted = found.triggers_of(table), entry.old.objects.triggers_of(table)
            if _uncollated(there) <= _uncollated(wanted):
                apply_triggers(session, maker, table, there, wanted)
    if entry.put_back:
        clear(session, entry.source)
    workspace.end(session)
    if entry.kept:
        workspace.remove(session, entry.kept)


def _move_strays(workspace: Workspace, session: Session, entry: Entry) -> None:
    """Move tables that somebody made in the last moment to the old state, which they were made in."""
    if entry.kept is None or entry.only is not None:
        return
    live = workspace.database
    expected = {*entry.new.tables}
    asides = {name for name in tables(session, live) if name.startswith("deckinfra~")}
    for name in set(tables(session, live)) - expected - asides:
        session.execute(f"RENAME TABLE {qualified(live, name)} TO {qualified(entry.kept, name)}")


@contextmanager
def _settled(workspace: Workspace, session: Session, entry: Entry) -> Iterator[None]:
    """Whatever goes wrong before the tables are live, put everything back; if they are live, go on forward.

    Where neither is possible now, the next :func:`settle` does it. Who lost the lock leaves that to whoever has it.
    """
    try:
        yield
    except LostLockError:
        raise
    except BaseException as error:
        with suppress(DeckinfraError):
            if _is_ours(workspace, session, entry) and settle(workspace, session) and isinstance(error, Exception):
                return
        raise


def _is_ours(workspace: Workspace, session: Session, entry: Entry) -> bool:
    """Whether the journal tells of this swap, as far as can be known."""
    document = workspace.journal(session) if session.connection.open else None
    return document is not None and document.get("id") == entry.identity


@contextmanager
def _live(workspace: Workspace, session: Session) -> Iterator[None]:
    """Tell of what goes wrong after the tables went live that they did."""
    try:
        yield
    except LockedError as error:
        message = f"{error.message}; in the way: {_blockers(workspace, session)}"
        raise LockedError(message, hint=_LIVE_HINT) from error
    except DatabaseError as error:
        raise DatabaseError(error.message, hint=f"{_LIVE_HINT} {error.hint}") from error


_LIVE_HINT: Final = (
    "The restored tables are live, but not all of their views, triggers, routines and events are there yet: "
    "the next 'invoke db.restore', 'db.drill' or 'db.undo-restore' completes them first. The replaced state is kept."
)


def _in_the_way(workspace: Workspace, session: Session, error: Exception) -> LockedError:
    url, waited = workspace.server.url, workspace.server.patience
    if isinstance(error, LockedError):
        text = f"the tables of {url} are kept busy by {_blockers(workspace, session)}"
    else:
        text = f"tables or triggers of {url} were changed each time the restored ones were to go live"
    return LockedError(text, hint=f"Tried for {waited:g} s. The live database is as it was; run it again later.")


def _blockers(workspace: Workspace, session: Session) -> str:
    return blockers(session, workspace.database, frozenset())


def _make_schema(session: Session, schema: str, default: Default) -> None:
    session.execute(
        f"CREATE DATABASE IF NOT EXISTS {quoted(schema)} CHARACTER SET {default.charset} COLLATE {default.collation}"
    )


def _set_collation(session: Session, schema: str, collation: str) -> None:
    """Change what a schema gives to tables that name no collation; its charset follows."""
    now = default_of(session, schema)
    if now is None or now.collation != collation:
        session.execute(f"ALTER DATABASE {quoted(schema)} COLLATE {collation}")


def _collation_of_triggers(state: State) -> str:
    """Give the collation that the schema must have for most of the triggers to be made as they were."""
    found = Counter(each.collation for each in state.objects.triggers)
    return found.most_common(1)[0][0] if found else state.default.collation


def _uncollated(triggers: Iterable[SchemaObject]) -> set[SchemaObject]:
    """Give triggers without the collation of their schema, which may differ where they were put back in haste."""
    return {replace(each, collation="") for each in triggers}
