"""What a backup does not have, or costs others, in sentences for whoever takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deckinfra.mysql import Session, unsupported_objects
from deckinfra.mysql.survey import Survey
from deckinfra.mysql.tables import dangling_foreign_keys, rows_elsewhere

from .point import ONE_CONNECTION, Point
from .shape import Shape


def of_schema(session: Session, schema: str, survey: Survey, shapes: Sequence[Shape]) -> list[str]:
    """Say what of ``schema``, whose tables are ``shapes``, is not in a backup."""
    found = []
    if survey.unusable:
        found.append(
            f"left out, since they do not work and could not be made again: views {_listed(survey.unusable)}; "
            "mend or drop them"
        )
    unsupported = unsupported_objects(session, schema)
    if unsupported:
        found.append(f"not in the backup, since this engine knows no such things: {_listed(unsupported)}")
    elsewhere = rows_elsewhere(session, schema)
    if elsewhere:
        found.append(f"of {_listed(elsewhere)} there is no row in the backup: their engine has them elsewhere")
    with_history = {shape.name for shape in shapes if shape.versioned}
    versioned = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SYSTEM VERSIONED' "
        "ORDER BY TABLE_NAME",
        schema,
    )
    present = [name for (name,) in versioned if name not in with_history]
    if present:
        found.append(f"of {_listed(present)} the present rows are in the backup, not their history")
    dangling = [f"'{name}' of {table}" for table, name, _ in dangling_foreign_keys(session, schema)]
    if dangling:
        found.append(f"a restore leaves out what leads to tables that are not there: foreign keys {_listed(dangling)}")
    counted = session.query(
        "SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND COLUMN_DEFAULT LIKE 'nextval(%%' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    )
    if counted:
        found.append(
            f"the defaults of {_listed([name for (name,) in counted])} name their sequence with the database it is in: "
            "restoring needs one of that name to be there"
        )
    return found


def of_point(point: Point, connections: int, unsteady: Sequence[str]) -> Iterator[str]:
    """Say what it took to hold a point in time: ``unsteady`` are the tables that were locked for as long as it is."""
    if point.held == ONE_CONNECTION and connections > 1:
        yield (
            "only one connection read, since the account may not hold the database still for a moment: grant it "
            "RELOAD, or LOCK TABLES, and this backup takes less time"
        )
    if unsteady:
        yield (
            f"nobody could write to {_listed(unsteady)} while this backup was taken, since their engine has no "
            "transactions (ALTER TABLE ... ENGINE = InnoDB mends that)"
        )


def _listed(names: Sequence[str]) -> str:
    most = 20
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
