"""Taking down the views, triggers, routines and events of a schema, which is the session's default one.

:class:`DatabaseError` names what the account may not read.
"""

from __future__ import annotations

import re
from typing import Final

from deckinfra.errors import DatabaseError

from .definitions import EVENT, OWN_SCHEMA, ROUTINES, TRIGGER, VIEW, SchemaObject, account, on_table
from .names import quoted
from .server import Session

_TOKEN: Final = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`\.?""", re.DOTALL)


def routines_in(session: Session, schema: str) -> list[SchemaObject]:
    """Take a schema's functions and procedures down, on MariaDB its packages too."""
    rows = session.query(
        "SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s "
        "ORDER BY ROUTINE_TYPE, ROUTINE_NAME",
        schema,
    )
    found = []
    for kind, name, definer in rows:
        if kind.lower() in ROUTINES:
            row = session.query(f"SHOW CREATE {kind} {quoted(name)}")[0]
            found.append(
                SchemaObject(kind.lower(), name, _readable(row[2], kind, name, session), definer, row[1], *row[3:6])
            )
    return found


def views_in(session: Session, schema: str) -> list[SchemaObject]:
    """Take a schema's views down."""
    rows = session.query(
        "SELECT TABLE_NAME, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME", schema
    )
    found = []
    for name, definer in rows:
        _, statement, client, connection = session.query(f"SHOW CREATE VIEW {quoted(name)}")[0]
        text = _without_schema(_readable(statement, VIEW, name, session), schema)
        found.append(SchemaObject(VIEW, name, text, definer, client=client, connection=connection))
    return found


def triggers_in(session: Session, schema: str) -> tuple[SchemaObject, ...]:
    """Take a schema's triggers down, those of a table in the order in which they fire.

    In parts: MariaDB gives the statement as it was typed, schema names and all.
    """
    rows = session.query(
        "SELECT TRIGGER_NAME, DEFINER, ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_STATEMENT, "
        "SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION "
        "FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s "
        "ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
        schema,
    )
    return tuple(
        SchemaObject(
            TRIGGER,
            name,
            f"CREATE DEFINER = {account(definer)} TRIGGER {quoted(name)} {timing} {event}{on_table(table)} "
            f"{_readable(body, TRIGGER, name, session)}",
            definer,
            sql_mode,
            client,
            connection,
            collation,
            table=table,
        )
        for name, definer, timing, event, table, body, sql_mode, client, connection, collation in rows
    )


def events_in(session: Session, schema: str) -> list[SchemaObject]:
    """Take a schema's events down."""
    rows = session.query(
        "SELECT EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s ORDER BY EVENT_NAME", schema
    )
    found = []
    for name, definer in rows:
        _, sql_mode, zone, statement, client, connection, collation = session.query(
            f"SHOW CREATE EVENT {quoted(name)}"
        )[0]
        text = _readable(statement, EVENT, name, session)
        found.append(SchemaObject(EVENT, name, text, definer, sql_mode, client, connection, collation, zone))
    return found


def _readable(statement: str | None, kind: str, name: str, session: Session) -> str:
    if statement is None:
        raise DatabaseError(
            f"the account {session.url.username} may not read {kind.lower()} '{name}' of {session.url}",
            hint="Nothing was changed. Set DATABASE_ADMIN_USER to an account that sees all of the schema: SELECT, "
            "SHOW VIEW, TRIGGER and EVENT on it, and SHOW_ROUTINE (MariaDB: SHOW CREATE ROUTINE, before 11.3 SELECT on "
            "mysql.proc).",
        )
    return statement


def _without_schema(statement: str, schema: str) -> str:
    """Put the stand-in where a statement names ``schema``; what is quoted as text stays."""
    own = f"{quoted(schema)}."
    return _TOKEN.sub(lambda token: OWN_SCHEMA if token[0] == own else token[0], statement)
