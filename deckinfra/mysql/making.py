"""Making views, triggers, routines and events in a schema, each as it was made where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from deckinfra.errors import DatabaseError

from .definitions import SchemaObject
from .faults import INVALID_VIEW, NEEDS_PRIVILEGE, NO_SUCH_DATABASE, NO_SUCH_TABLE, code_of
from .names import quoted
from .server import Session

NO_SUCH_DEFINER: Final = "1449 "
"""What the server's warning begins with where it made something for an account that there is not."""

_NOTHING_BELOW: Final = frozenset({NO_SUCH_DATABASE, NO_SUCH_TABLE, INVALID_VIEW, 1054, 1305})
"""What the server says to a view that stands on something missing: also a column (1054), a function (1305)."""


class Maker:
    """Makes objects in ``schema``, which becomes the session's default one."""

    def __init__(self, session: Session, schema: str) -> None:
        self._session = session
        self.schema = schema
        self._collation: str = session.query(
            "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", schema
        )[0][0]
        self._orphans: set[str] = set()
        session.execute(f"USE {quoted(schema)}")

    @property
    def orphans(self) -> frozenset[str]:
        """The definers of what was made that are no accounts of this server."""
        return frozenset(self._orphans)

    def deviates(self, one: SchemaObject) -> bool:
        """Whether an object was made when its schema had another collation, which it keeps."""
        return one.collation not in {"", self._collation}

    def make(self, one: SchemaObject, *, replace: bool = False, enabled: bool = True) -> None:
        """Make one object as it was made where it comes from; :class:`DatabaseError` names it."""
        with self.collated(one):
            self.define(one, replace=replace, enabled=enabled)

    @contextmanager
    def collated(self, one: SchemaObject) -> Iterator[None]:
        """Give the schema the collation that it had when an object was made, while the context is open."""
        deviates = self.deviates(one)
        try:
            if deviates:
                self._session.execute(f"ALTER DATABASE {quoted(self.schema)} COLLATE {one.collation}")
            yield
        finally:
            if deviates:
                self._session.execute(f"ALTER DATABASE {quoted(self.schema)} COLLATE {self._collation}")

    def define(self, one: SchemaObject, *, replace: bool = False, enabled: bool = True, place: str = "") -> None:
        """Make one object, whatever collation the schema has."""
        session = self._session
        try:
            session.execute(one.context())
            warnings = session.define(one.sql(self.schema, replace=replace, enabled=enabled, place=place), one.client)
        except DatabaseError as error:
            raise _not_made(one, self.schema, error) from error.__cause__
        finally:
            session.settle()
        if any(warning.startswith(NO_SUCH_DEFINER) for warning in warnings):
            self._orphans.add(one.definer)


def make_views(
    maker: Maker, views: Sequence[SchemaObject], *, replace: bool = False, broken: list[SchemaObject] | None = None
) -> None:
    """Make views that may stand on each other: those that can be made first, until there are none left.

    With a list for ``broken`` ones, views that stand on something that is not there are put into it; without one, they
    are a :class:`DatabaseError`. No circle is possible: the servers refuse a view that would stand on itself.
    """
    left = list(views)
    while left:
        failed: dict[SchemaObject, DatabaseError] = {}
        for view in left:
            try:
                maker.make(view, replace=replace)
            except DatabaseError as error:
                failed[view] = error
        if len(failed) == len(left):
            other = [error for error in failed.values() if code_of(error) not in _NOTHING_BELOW]
            if broken is None or other:
                raise (other or list(failed.values()))[0]
            broken += left
            return
        left = list(failed)


def _not_made(one: SchemaObject, schema: str, error: DatabaseError) -> DatabaseError:
    if code_of(error) == NEEDS_PRIVILEGE:
        return DatabaseError(
            f"{one} belongs to {one.definer}, and this account may not make things for others: {error.message}",
            hint="Give the account in DATABASE_ADMIN_USER the privilege SET_ANY_DEFINER (MariaDB: SET USER).",
        )
    return DatabaseError(f"{one} cannot be made in schema {schema}: {error.message}", hint=error.hint)
