"""Views that carry the name of a table that is to go live: out of its way, and back if it does not.

They are renamed, and not dropped: a view that does not work any more could not be made again. Once the tables are live,
those that stepped aside are removed with what else does not belong to the new state.
"""

from __future__ import annotations

from collections.abc import Iterable

from .definitions import VIEW
from .journal import State
from .names import aside_of, qualified
from .server import Session


def in_the_way(old: State, new: State) -> list[str]:
    """Give the views of ``old`` that are called as tables of ``new``."""
    return [view.name for view in old.objects.of_kind(VIEW) if view.name in new.tables]


def step_aside(session: Session, schema: str, views: Iterable[str]) -> None:
    """Give the names of ``views`` free."""
    for name in views:
        session.execute(f"RENAME TABLE {qualified(schema, name)} TO {qualified(schema, aside_of(name, 'view'))}")


def step_back(session: Session, schema: str, views: Iterable[str]) -> None:
    """Give those of ``views`` that stepped aside their names again; it can be done at any time."""
    found = session.query("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s", schema)
    there = {name for (name,) in found}
    for name in views:
        aside = aside_of(name, "view")
        if aside in there:
            session.execute(f"RENAME TABLE {qualified(schema, aside)} TO {qualified(schema, name)}")
