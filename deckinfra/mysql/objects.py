"""Views, triggers, routines and events of a schema, as values: taken down from one schema, made in another.

Each has with it what the server keeps of how it was made: sql_mode, charset and collations, the time zone of an
event, the definer. Tables are no part of it.

Where a view speaks of its own schema by name, a stand-in is kept, so that it can be made in a schema of another
name. What stands in the body of a trigger, routine or event is its author's, and is kept to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.errors import DatabaseError

from .faults import NEEDS_PRIVILEGE, code_of
from .names import quoted
from .server import SQL_MODE, TIME_ZONE, Session

VIEW: Final = "view"
TRIGGER: Final = "trigger"
EVENT: Final = "event"
ROUTINES: Final = ("function", "procedure", "package", "package body")
"""Kinds of routines. Packages are MariaDB's."""

NO_SUCH_DEFINER: Final = "1449 "
"""What the server's warning begins with where it made something for an account that there is not."""

_OWN_SCHEMA: Final = "`\0`."
"""The stand-in for the own schema's name: no identifier can hold this character."""

_TOKEN: Final = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`\.?""", re.DOTALL)
_STATUS: Final = re.compile(
    r"(\A.*? EVENT (?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\") ON SCHEDULE .*? ON COMPLETION (?:NOT )?PRESERVE )"
    r"(ENABLE|DISABLE(?: ON (?:SLAVE|REPLICA))?)",
    re.DOTALL,
)


@dataclass(frozen=True)
class SchemaObject:
    """One of them. ``table`` is the trigger's; what does not apply to a kind is empty."""

    kind: str
    name: str
    statement: str
    definer: str
    sql_mode: str = ""
    client: str = "utf8mb4"
    connection: str = ""
    collation: str = ""
    time_zone: str = ""
    table: str = ""

    def sql(self, schema: str, *, replace: bool = False, enabled: bool = True, table: str = "", place: str = "") -> str:
        """Give the statement that makes it in ``schema``, the session's default one.

        With ``replace`` one of that name may be there; an event that is not ``enabled`` does not run; a trigger
        may be made on another ``table`` than its own, and in a ``place`` among the others, as ``FOLLOWS `one```.
        """
        text = self.statement.replace(_OWN_SCHEMA, f"{quoted(schema)}.")
        if table or place:
            text = text.replace(_on(self.table), f"{_on(table or self.table)} {place}".rstrip(), 1)
        if replace:
            text = text.replace("CREATE", "CREATE OR REPLACE", 1)
        return text if enabled else _STATUS.sub(r"\1DISABLE", text, count=1)

    @property
    def slot(self) -> str:
        """When a trigger fires: ``BEFORE INSERT``. Those of one table that fire at once have an order."""
        found = re.search(r"TRIGGER `(?:[^`]|``)*` (\w+ \w+) ON", self.statement)
        return found[1] if found else ""

    def context(self) -> str:
        """Give the statement that sets a session to how it was when this was made."""
        mode, zone = (self.sql_mode, self.time_zone) if self.kind != VIEW else (SQL_MODE, "")
        return (
            f"SET SESSION sql_mode = '{mode}', SESSION time_zone = '{zone or TIME_ZONE}', "
            f"SESSION character_set_client = {self.client}, SESSION collation_connection = {self.connection}"
        )

    def drop(self, schema: str) -> str:
        """Give the statement that removes it from ``schema``."""
        return f"DROP {self.kind.upper()} IF EXISTS {quoted(schema)}.{quoted(self.name)}"

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


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
        found = [*_routines(session, schema), *_views(session, schema), *triggers_in(session, schema)]
        return cls((*found, *_events(session, schema)))

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

    @property
    def triggered(self) -> frozenset[str]:
        """The tables that have triggers."""
        return frozenset(each.table for each in self.triggers)

    def create(self, session: Session, schema: str, *, events: bool = True) -> frozenset[str]:
        """Make them all in ``schema``, where there are none; gives the definers that are no accounts of the server.

        Without ``events``, the events do not run. :class:`DatabaseError` names what could not be made.
        """
        maker = Maker(session, schema)
        for each in self.of_kind(*ROUTINES):
            maker.make(each)
        make_views(maker, self.of_kind(VIEW))
        for each in self.triggers:
            maker.make(each)
        for each in self.of_kind(EVENT):
            maker.make(each, enabled=events)
        return maker.orphans


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


def make_views(maker: Maker, views: Sequence[SchemaObject], *, replace: bool = False) -> None:
    """Make views that may stand on each other: those that can be made first, until there are none left.

    No circle is possible: the servers refuse a view that would stand on itself.
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
            raise failed[left[0]]
        left = list(failed)


def _not_made(one: SchemaObject, schema: str, error: DatabaseError) -> DatabaseError:
    if code_of(error) == NEEDS_PRIVILEGE:
        return DatabaseError(
            f"{one} belongs to {one.definer}, and this account may not make things for others: {error.message}",
            hint="Give the account in DATABASE_ADMIN_USER the privilege SET_ANY_DEFINER (MariaDB: SET USER).",
        )
    return DatabaseError(f"{one} cannot be made in schema {schema}: {error.message}", hint=error.hint)


# Taking them down --------------------------------------------------------------------------------


def _routines(session: Session, schema: str) -> list[SchemaObject]:
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


def _views(session: Session, schema: str) -> list[SchemaObject]:
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
            f"CREATE DEFINER = {account(definer)} TRIGGER {quoted(name)} {timing} {event}{_on(table)} "
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


def _events(session: Session, schema: str) -> list[SchemaObject]:
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
            hint="Nothing was changed. Set DATABASE_ADMIN_USER to an account with SELECT and SHOW_ROUTINE on all.",
        )
    return statement


def account(definer: str) -> str:
    """Quote ``user@host``, or a role of MariaDB's, which has no host. A user's name may hold an ``@``, a host none."""
    user, at, host = definer.rpartition("@")
    return f"{quoted(user)}@{quoted(host)}" if at else quoted(definer)


def _on(table: str) -> str:
    return f" ON {quoted(table)} FOR EACH ROW"


def _without_schema(statement: str, schema: str) -> str:
    """Put the stand-in where a statement names ``schema``; what is quoted as text stays."""
    own = f"{quoted(schema)}."
    return _TOKEN.sub(lambda token: _OWN_SCHEMA if token[0] == own else token[0], statement)


_FIELDS: Final = tuple(SchemaObject.__dataclass_fields__)
