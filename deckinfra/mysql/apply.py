"""Bringing the views, triggers, routines and events of a schema to what they should be, by changing only what differs.

What is as it should be stays untouched: grants on a routine end with it, and an event forgets when it last ran. It
can be done again at any time, so whoever died at it is followed by one who ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .definitions import EVENT, ROUTINES, TRIGGER, VIEW, SchemaObject
from .making import Maker, make_views
from .names import qualified, quoted
from .objects import ObjectSet
from .server import Server, Session

Triggers = tuple[SchemaObject, ...]


def apply(server: Server, session: Session, schema: str, wanted: ObjectSet) -> None:
    """Make the objects of ``schema`` those of ``wanted``.

    :class:`DatabaseError` names what could not be made, :class:`LockedError` comes where others are in the way; then
    some are changed and some are not, and it is for the caller to call again.
    """
    found = ObjectSet.of(session, schema)
    maker = Maker(session, schema)
    # Events first, so that no old one runs on the new state; then from what stands on others to what they stand on.
    for kind in (EVENT, VIEW, *ROUTINES):
        names = {each.name for each in wanted.of_kind(kind)}
        for each in _missing(found, wanted, kind):
            if each.name not in names or kind == EVENT:
                session.execute(each.drop(schema))
    for kind in ROUTINES:
        for each in _missing(wanted, found, kind):
            if server.vendor == "mysql":
                session.execute(each.drop(schema))
            maker.make(each, replace=server.vendor == "mariadb")
    make_views(maker, _missing(wanted, found, VIEW), replace=True)
    for table in sorted(wanted.triggered | found.triggered):
        apply_triggers(session, maker, table, found.triggers_of(table), wanted.triggers_of(table))
    for each in _missing(wanted, found, EVENT):
        maker.make(each)


def apply_triggers(session: Session, maker: Maker, table: str, found: Triggers, wanted: Triggers) -> None:
    """Make the triggers of one table those that are wanted, in their order; no write meets it without one of them."""
    if found == wanted:
        return
    if not any(map(maker.deviates, wanted)):
        with _locked(session, maker, table):
            for each in found:
                session.execute(each.drop(maker.schema))
            for each in wanted:
                maker.define(each)
        return
    # The schema's collation, which a trigger keeps, cannot be changed while a table is locked: so, one after the other.
    names = {each.name for each in wanted}
    for each in found:
        if each.name not in names:
            session.execute(each.drop(maker.schema))
    for number, each in enumerate(wanted):
        if each in found:
            continue
        before = [other for other in wanted[:number] if other.slot == each.slot]
        after = [other for other in found if other.slot == each.slot and other.name in names - {each.name}]
        place = f"FOLLOWS {quoted(before[-1].name)}" if before else ""
        if not before and after:
            place = f"PRECEDES {quoted(after[0].name)}"
        with maker.collated(each), _locked(session, maker, table):
            session.execute(each.drop(maker.schema))
            maker.define(each, place=place)


@contextmanager
def _locked(session: Session, maker: Maker, table: str) -> Iterator[None]:
    session.execute(f"LOCK TABLES {qualified(maker.schema, table)} WRITE")
    try:
        yield
    finally:
        session.execute("UNLOCK TABLES")


def clear(session: Session, schema: str) -> None:
    """Remove all objects from a schema that nobody uses."""
    for kind in (EVENT, TRIGGER, VIEW, *ROUTINES):
        for each in ObjectSet.of(session, schema).of_kind(kind):
            session.execute(each.drop(schema))


def _missing(these: ObjectSet, those: ObjectSet, kind: str) -> list[SchemaObject]:
    """Give what is among ``these`` and not, just so, among ``those``."""
    other: Iterable[SchemaObject] = set(those.of_kind(kind))
    return [each for each in these.of_kind(kind) if each not in other]
