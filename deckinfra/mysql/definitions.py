"""How one view, trigger, routine or event is defined, as a value.

With it is what the server keeps of how it was made: sql_mode, charset and collations, the time zone of an event, the
definer. Where a view speaks of its own schema by name, a stand-in is kept, so that it can be made in a schema of
another name. What stands in the body of a trigger, routine or event is its author's, and is kept to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from .names import quoted
from .server import SQL_MODE, TIME_ZONE

VIEW: Final = "view"
TRIGGER: Final = "trigger"
EVENT: Final = "event"
ROUTINES: Final = ("function", "procedure", "package", "package body")
"""Kinds of routines. Packages are MariaDB's."""

OWN_SCHEMA: Final = "`\0`."
"""The stand-in for the own schema's name: no identifier can hold this character."""

STATUS: Final = re.compile(
    r"(\A.*? EVENT (?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\") ON SCHEDULE .*? ON COMPLETION (?:NOT )?PRESERVE )"
    r"(ENABLE|DISABLE(?: ON (?:SLAVE|REPLICA))?)",
    re.DOTALL,
)
"""How an event's statement begins, up to and with what tells whether it runs, the second group."""


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
        text = self.statement.replace(OWN_SCHEMA, f"{quoted(schema)}.")
        if table or place:
            text = text.replace(on_table(self.table), f"{on_table(table or self.table)} {place}".rstrip(), 1)
        if replace:
            text = text.replace("CREATE", "CREATE OR REPLACE", 1)
        return text if enabled else STATUS.sub(r"\1DISABLE", text, count=1)

    @property
    def slot(self) -> str:
        """When a trigger fires: ``BEFORE INSERT``. Those of one table that fire at once have an order."""
        found = re.search(r"TRIGGER `(?:[^`]|``)*` (\w+ \w+) ON", self.statement)
        return found[1] if found else ""

    @property
    def status(self) -> str:
        """What an event's statement tells of whether it runs: ``ENABLE``, ``DISABLE``, ``DISABLE ON REPLICA``."""
        found = STATUS.match(self.statement)
        return found[2] if found else ""

    def with_status(self, status: str) -> SchemaObject:
        """Give the same event with another one."""
        return replace(self, statement=STATUS.sub(rf"\1{status}", self.statement, count=1))

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


def account(definer: str) -> str:
    """Quote ``user@host``, or a role of MariaDB's, which has no host. A user's name may hold an ``@``, a host none."""
    user, at, host = definer.rpartition("@")
    return f"{quoted(user)}@{quoted(host)}" if at else quoted(definer)


def on_table(table: str) -> str:
    """Say which table a trigger is on, as its statement does."""
    return f" ON {quoted(table)} FOR EACH ROW"
