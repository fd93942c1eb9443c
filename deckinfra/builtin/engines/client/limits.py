"""What a dump as text cannot bring back of a schema, whatever is in its rows: refused, or put in sentences."""

from __future__ import annotations

from deckinfra.errors import DatabaseError
from deckinfra.mysql import Session, unsupported_objects
from deckinfra.mysql.survey import Survey
from deckinfra.mysql.tables import rows_elsewhere


def warnings(session: Session, schema: str, survey: Survey) -> list[str]:
    """Say what a dump of ``schema`` as text cannot bring back, or costs, in sentences.

    What is lost depends on the rows, too: see :mod:`.losses`.
    """
    found = []
    if survey.locking:
        found.append(
            f"all tables were locked while this backup was taken, so that others could change no row: the engine of "
            f"{_listed(survey.locking)} has no transactions (ALTER TABLE ... ENGINE = InnoDB mends that)"
        )
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
        found.append(f"of {_listed(elsewhere)} there is no row in the backup: their engine has them in other tables")
    columns = session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COALESCE(COLUMN_DEFAULT, '') "
        "FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE <> 'VIEW' AND (DATA_TYPE = 'float' "
        "OR COLUMN_DEFAULT LIKE '%%nextval(%%') ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    )
    floats = [f"{table}.{name}" for table, name, kind, _ in columns if kind.lower() == "float"]
    sequences = [f"{table}.{name}" for table, name, _, default in columns if "nextval(" in default.lower()]
    if floats:
        found.append(
            f"of {_listed(floats)} only the first six digits are in the backup: no dump tool prints a FLOAT "
            "whole (DOUBLE or DECIMAL columns come back exactly)"
        )
    if sequences:
        found.append(
            f"the defaults of {_listed(sequences)} name their sequence with the database it is in: "
            "restoring needs one of that name to be there"
        )
    versioned = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SYSTEM VERSIONED'",
        schema,
    )
    if versioned:
        found.append(
            f"of {_listed([name for (name,) in versioned])} the present rows are in the backup, not their history"
        )
    return found


def refuse_names(session: Session, schema: str) -> None:
    """Raise :class:`DatabaseError` if a table, or a column, has a name that the tools do not write readably."""
    rows = session.query(
        "SELECT DISTINCT TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s "
        "AND CONCAT(TABLE_NAME, COLUMN_NAME) REGEXP '[[:cntrl:]]'",
        schema,
    )
    for (name,) in rows:
        raise DatabaseError(
            f"table {name!r} has a line break or another control character in its name or that of a column",
            hint="No backup was made: dump tools do not write such names so that they can be read. Rename it first.",
        )


def _listed(names: tuple[str, ...] | list[str]) -> str:
    most = 20
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
