"""Which tables of a schema change places in a swap, and which of the live ones stay where they are.

A table that stays, stays with its triggers. What would not hold together afterwards is refused: a foreign key between
one that goes and one that stays would lead into another schema, and a table that is defined in another way than the one
it was taken of may not be what views, routines and the application expect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import RefusedError

from .names import qualified
from .objects import ObjectSet
from .server import Session
from .tables import comparable

_HINT: Final = "Nothing was changed. 'invoke db.restore --into NAME' restores into a database beside this one."


@dataclass(frozen=True)
class Moving:
    """All tables change places, ``but`` some that the live schema has; or ``only`` some.

    ``around`` tells whether views, routines and events follow, or stay as they are.
    """

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()
    around: bool = True

    @property
    def is_all(self) -> bool:
        """Whether none stays."""
        return self.only is None and not self.but

    def leaving(self, live: Collection[str]) -> tuple[str, ...]:
        """Give those of the live tables that go."""
        return tuple(name for name in live if (name not in self.but if self.only is None else name in self.only))

    def arriving(self, source: Collection[str], live: Collection[str]) -> tuple[str, ...]:
        """Give those of a restored schema that come: one that may stay comes where there is none that could."""
        staying = set(live) - set(self.leaving(live))
        return tuple(name for name in source if name not in staying and (self.only is None or name in self.only))

    def objects(self, new: ObjectSet, old: ObjectSet, live: Collection[str], arriving: Collection[str]) -> ObjectSet:
        """Give what is to be around the tables in the end: ``new`` of a restored schema, ``old`` of the live one."""
        if self.is_all:
            return new
        staying = set(live) - set(self.leaving(live))
        # The triggers of a table that is replaced by one like it stay as they are, where all else around it does.
        theirs = set(arriving) if self.around else set(arriving) - set(live)
        ours = set(arriving) - theirs | staying
        base = new if self.around else old
        triggers = (*new.triggers_on(theirs).objects, *old.triggers_on(ours).objects)
        return ObjectSet((*base.without(base.triggers).objects, *triggers))


ALL: Final = Moving()
"""All tables change places."""


def refuse_torn(session: Session, schema: str, moving: Collection[str]) -> None:
    """Raise :class:`RefusedError` if a foreign key leads from a table of ``schema`` that moves to one that does not."""
    rows = session.query(
        "SELECT DISTINCT TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE "
        "WHERE TABLE_SCHEMA = %s AND REFERENCED_TABLE_NAME IS NOT NULL AND REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA "
        "ORDER BY 1, 2",
        schema,
    )
    for table, key, parent in rows:
        if (table in moving) != (parent in moving):
            raise RefusedError(
                f"foreign key '{key}' leads from table {table} to {parent}, and only one of the two would be restored: "
                "it would be torn",
                hint=f"Nothing was changed. Restore both, --tables={table},{parent}; or into a database beside this "
                "one: --into NAME.",
            )


def refuse_unlike(session: Session, one: str, other: str, names: Sequence[str]) -> None:
    """Raise :class:`RefusedError` if a table is defined in one way in schema ``one``, and otherwise in ``other``."""
    for name in _unlike(session, one, other, names):
        raise RefusedError(
            f"table {name} is defined in another way now than when the snapshot was taken, and what stands around it "
            "may not fit",
            hint=_HINT,
        )


def _unlike(session: Session, one: str, other: str, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        found = {comparable(_definition(session, schema, name)) for schema in (one, other)}
        if len(found) > 1:
            yield name


def _definition(session: Session, schema: str, name: str) -> bytes:
    return str(session.query(f"SHOW CREATE TABLE {qualified(schema, name)}")[0][1]).encode()
