"""All views, triggers, routines and events of one schema, as a value: taken down, made elsewhere, kept as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from deckinfra.core.documents import field_of

from .capture import events_in, routines_in, triggers_in, views_in
from .definitions import EVENT, OWN_SCHEMA, ROUTINES, TRIGGER, VIEW, SchemaObject
from .making import Maker, make_views
from .names import quoted
from .server import Session

_FIELDS: Final = tuple(field.name for field in fields(SchemaObject))


@dataclass(frozen=True)
class ObjectSet:
    """What one schema holds besides its tables, the triggers of each table in the order in which they fire."""

    objects: tuple[SchemaObject, ...] = ()

    @classmethod
    def of(cls, session: Session, schema: str) -> ObjectSet:
        """Take down what is in ``schema``, which becomes the session's default one.

        :class:`DatabaseError` names what the account may not read.
        """
        session.execute(f"USE {quoted(schema)}")
        found = [*routines_in(session, schema), *views_in(session, schema), *triggers_in(session, schema)]
        return cls((*found, *events_in(session, schema)))

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> ObjectSet:
        """Read a set back; a :class:`DamagedError` that names ``what`` otherwise."""
        entries = field_of(document, "objects", list, what)
        return cls(
            tuple(SchemaObject(**{name: field_of(entry, name, str, what) for name in _FIELDS}) for entry in entries)
        )

    def document(self) -> dict[str, Any]:
        """Give the set as a JSON object."""
        return {"objects": [asdict(each) for each in self.objects]}

    def of_kind(self, *kinds: str) -> tuple[SchemaObject, ...]:
        """Give those of some kinds, in order."""
        return tuple(each for each in self.objects if each.kind in kinds)

    @property
    def triggers(self) -> tuple[SchemaObject, ...]:
        """The triggers of all tables."""
        return self.of_kind(TRIGGER)

    def triggers_of(self, table: str) -> tuple[SchemaObject, ...]:
        """Give a table's triggers, in the order in which they fire."""
        return tuple(each for each in self.triggers if each.table == table)

    def triggers_on(self, tables: Collection[str]) -> ObjectSet:
        """Give the set of the triggers of some tables."""
        return ObjectSet(tuple(each for each in self.triggers if each.table in tables))

    @property
    def triggered(self) -> frozenset[str]:
        """The tables that have triggers."""
        return frozenset(each.table for each in self.triggers)

    def without(self, these: Collection[SchemaObject]) -> ObjectSet:
        """Give the set that lacks some."""
        return ObjectSet(tuple(each for each in self.objects if each not in these))

    def told_as(self, others: ObjectSet) -> ObjectSet:
        """Give the same objects, a view as ``others`` have it if the two differ only in where they name the own schema.

        MariaDB names it in all of a view when it looks into another schema, as for a definer that is not there.
        """
        known = {(each.kind, each.name): each for each in others.of_kind(VIEW)}

        def told(one: SchemaObject) -> SchemaObject:
            other = known.get((one.kind, one.name))
            return other if other and _unqualified(one) == _unqualified(other) else one

        return ObjectSet(tuple(map(told, self.objects)))

    def create(
        self, session: Session, schema: str, *, events: bool = True, broken: list[SchemaObject] | None = None
    ) -> frozenset[str]:
        """Make them all in ``schema``, where there are none; gives the definers that are no accounts of the server.

        Without ``events``, the events do not run; for ``broken`` see :func:`.make_views`.
        :class:`DatabaseError` names what could not be made.
        """
        maker = Maker(session, schema)
        for each in self.of_kind(*ROUTINES):
            maker.make(each)
        make_views(maker, self.of_kind(VIEW), broken=broken)
        for each in self.triggers:
            maker.make(each)
        for each in self.of_kind(EVENT):
            maker.make(each, enabled=events)
        return maker.orphans


NOTHING: Final = ObjectSet()
"""A set with nothing in it."""


def _unqualified(view: SchemaObject) -> SchemaObject:
    return replace(view, statement=view.statement.replace(OWN_SCHEMA, ""))
