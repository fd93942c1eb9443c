"""The moment of a swap: the tables change places in one ``RENAME TABLE``, and a marker of the workspace with them.

The servers refuse to rename a table with triggers into another schema (error 1435), and a table that was renamed
without them must not be written to until it has them again. So where the old state or the new has triggers:

**MySQL** renames under ``LOCK TABLES … WRITE``. Under the lock the old triggers are dropped and the new ones made;
writers wait meanwhile, and none meets a table without its triggers.

**MariaDB** refuses that (1192). There, the tables that have triggers step aside within their schema, which takes
their triggers along; then the old triggers are dropped, the new tables get theirs under a name that nobody uses, and
step in. For some milliseconds those tables are not there, and who reads or writes them is told so: better than a write
that was acknowledged and had no trigger. It is all one block, which the server runs to its end whatever becomes of us.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from deckinfra.errors import DatabaseError, DeckinfraError

from .capture import triggers_in
from .definitions import SchemaObject
from .faults import BREAKS_GTID, NO_SUCH_TABLE, TABLE_EXISTS, TRIGGER_IN_WRONG_SCHEMA, code_of
from .journal import Entry
from .making import Maker
from .names import aside_of, qualified, quoted
from .server import SQL_MODE, TIME_ZONE, Session, Vendor
from .tables import foreign_keys, tables
from .workspace import BEGUN, DONE, Workspace

_CHANGED: Final = {NO_SUCH_TABLE, TABLE_EXISTS, TRIGGER_IN_WRONG_SCHEMA}

Pair = tuple[str, str]


class ChangedMeanwhileError(Exception):
    """Somebody made, dropped or changed tables or triggers since they were looked at. Nothing was done."""


def cut_over(workspace: Workspace, session: Session, entry: Entry, vendor: Vendor) -> None:
    """Let the tables change places.

    :class:`ChangedMeanwhileError` and :class:`LockedError` (others are in the way) leave the old state live, perhaps
    without some triggers, unless the marker says that the tables were renamed; then what is left to do is for
    :func:`finish`.
    """
    try:
        if not _triggered(entry):
            _check_unchanged(workspace, session, entry)
            session.execute(_rename([*_plain_pairs(workspace, entry), _marker(workspace)]))
        elif vendor == "mysql":
            _under_lock(workspace, session, entry)
        else:
            _in_one_block(workspace, session, entry)
    except DatabaseError as error:
        if code_of(error) in _CHANGED:
            raise ChangedMeanwhileError from error
        raise


def finish(workspace: Workspace, session: Session, entry: Entry) -> None:
    """Bring tables that stepped aside to where they belong; nothing to do where none did."""
    live = workspace.database
    here, there = set(tables(session, live)), set(tables(session, entry.source))
    asides = {aside_of(name, "old") for name in _old(entry)} | {aside_of(name, "new") for name in entry.new.tables}
    triggers: dict[str, list[str]] = {}
    for each in triggers_in(session, live):
        if each.table in asides:
            triggers.setdefault(each.table, []).append(each.name)
    _run_block(session, live, _remaining(workspace, entry, here, there, triggers))


def _triggered(entry: Entry) -> frozenset[str]:
    return entry.leaving.triggered | entry.arriving.triggered


def _old(entry: Entry) -> tuple[str, ...]:
    return entry.old.tables if entry.old else ()


def _plain_pairs(workspace: Workspace, entry: Entry) -> list[Pair]:
    """Give all renames, old tables first: the names of foreign keys and constraints are free then."""
    live = workspace.database
    away = [(qualified(live, name), qualified(entry.kept or "", name)) for name in _old(entry)]
    return away + [(qualified(entry.source, name), qualified(live, name)) for name in entry.new.tables]


def _marker(workspace: Workspace) -> Pair:
    return workspace.table(BEGUN), workspace.table(DONE)


def _rename(pairs: Iterable[Pair]) -> str:
    return "RENAME TABLE " + ", ".join(f"{old} TO {new}" for old, new in pairs)


def _check_unchanged(workspace: Workspace, session: Session, entry: Entry) -> None:
    """Compare tables and triggers with what was written down."""
    live = workspace.database
    triggers = entry.old.objects.triggers if entry.old else ()
    going = tuple(name for name in tables(session, live) if entry.moves(name))
    if going != _old(entry) or triggers_in(session, live) != triggers:
        raise ChangedMeanwhileError


# MySQL -------------------------------------------------------------------------------------------


def _under_lock(workspace: Workspace, session: Session, entry: Entry) -> None:
    live = workspace.database
    maker = Maker(session, live)
    pairs = [*_plain_pairs(workspace, entry), _marker(workspace)]
    _lock(session, [old for old, _ in pairs])
    dropped: list[SchemaObject] = []
    try:
        _check_unchanged(workspace, session, entry)
        for each in entry.leaving.triggers:
            session.execute(each.drop(live))
            dropped.append(each)
        session.execute(_rename(pairs))
        dropped = []
        for each in entry.arriving.triggers:
            maker.define(each)
    except DeckinfraError:
        for each in dropped:
            maker.define(each)
        raise
    finally:
        if session.connection.open:
            session.execute("UNLOCK TABLES")


def _lock(session: Session, names: Iterable[str]) -> None:
    """Lock tables for writing, also such with transactions and such without at once.

    Where it enforces GTID consistency, the server takes that for a write to both sorts (error 1785), which it only lets
    pass while it logs nothing. A lock is not logged in any case; what is done under it is.
    """
    statement = "LOCK TABLES " + ", ".join(f"{name} WRITE" for name in names)
    try:
        session.execute(statement)
    except DatabaseError as error:
        if code_of(error) != BREAKS_GTID:
            raise
        with unlogged(session):
            session.execute(statement)


@contextmanager
def unlogged(session: Session) -> Iterator[None]:
    """Keep what is done in the context out of the binary log; :class:`DatabaseError` where that is not allowed."""
    session.execute("SET SESSION sql_log_bin = 0")
    try:
        yield
    finally:
        session.execute("SET SESSION sql_log_bin = 1")


# MariaDB -----------------------------------------------------------------------------------------


def _in_one_block(workspace: Workspace, session: Session, entry: Entry) -> None:
    live, kept = workspace.database, entry.kept or ""
    _check_unchanged(workspace, session, entry)
    old = entry.leaving
    late = _late(workspace, session, entry)
    pairs = [
        (
            qualified(live, name),
            qualified(live, aside_of(name, "old")) if old.triggers_of(name) else qualified(kept, name),
        )
        for name in _old(entry)
    ]
    pairs += [(qualified(entry.source, name), qualified(live, name)) for name in entry.new.tables if name not in late]
    here = {aside_of(name, "old") for name in old.triggered} | (set(entry.new.tables) - late)
    triggers = {aside_of(name, "old"): [each.name for each in old.triggers_of(name)] for name in old.triggered}
    statements = [
        _rename([*pairs, _marker(workspace)]),
        *_remaining(workspace, entry, here, late, triggers),
    ]
    _run_block(session, live, statements)


def _run_block(session: Session, schema: str, statements: Sequence[str]) -> None:
    """Have the server run statements, with ``schema`` as the default one; it stops where one fails."""
    if not statements:
        return
    from pymysql.converters import escape_string

    block = " ".join(f"EXECUTE IMMEDIATE '{escape_string(statement)}';" for statement in statements)
    session.execute(f"USE {quoted(schema)}")
    try:
        session.execute(f"BEGIN NOT ATOMIC {block} END")
    finally:
        if session.connection.open:
            session.settle()


def _late(workspace: Workspace, session: Session, entry: Entry) -> set[str]:
    """Give the new tables that come in when the old ones are out of the schema.

    Those with triggers, and those with a foreign key called as that of an old table that steps aside: in a schema, each
    name is there once.
    """
    old = entry.leaving.triggered
    names = foreign_keys(session, workspace.database)
    taken = set().union(*(names.get(name, set()) for name in old))
    news = foreign_keys(session, entry.source)
    return {name for name in entry.new.tables if entry.new.objects.triggers_of(name) or news.get(name, set()) & taken}


def _remaining(
    workspace: Workspace, entry: Entry, here: set[str], there: set[str], triggers: Mapping[str, list[str]]
) -> list[str]:
    """Give the statements that bring the tables to where they belong, once the marker was renamed.

    ``here`` are the tables of the live schema and ``there`` those of the source; ``triggers`` are those of tables that
    stepped aside.
    """
    live, new = workspace.database, entry.new.objects
    statements = [f"DROP TRIGGER {qualified(live, name)}" for names in triggers.values() for name in names]
    pairs = [
        (qualified(live, aside_of(name, "old")), qualified(entry.kept or "", name))
        for name in _old(entry)
        if aside_of(name, "old") in here
    ]
    stepping = []
    for name in entry.new.tables:
        aside = aside_of(name, "new")
        if aside in here or (name in there and new.triggers_of(name)):
            stepping.append(name)
        if name in there:
            pairs.append((qualified(entry.source, name), qualified(live, aside if name in stepping else name)))
    if pairs:
        statements.append(_rename(pairs))
    for name in stepping:
        for each in new.triggers_of(name):
            statements += [each.context(), each.sql(live, table=aside_of(name, "new"))]
    if stepping:
        statements.append(f"SET SESSION sql_mode = '{SQL_MODE}', SESSION time_zone = '{TIME_ZONE}'")
        statements.append(_rename((qualified(live, aside_of(name, "new")), qualified(live, name)) for name in stepping))
    return statements
