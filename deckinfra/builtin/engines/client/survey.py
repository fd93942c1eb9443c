"""What the server tells of a schema beside its dump: what to leave out, what else to keep, what to warn of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from deckinfra.core.documents import encode
from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError
from deckinfra.mysql import ObjectSet, SchemaObject, Server, Session
from deckinfra.mysql.definitions import EVENT, TRIGGER, VIEW
from deckinfra.mysql.faults import INVALID_VIEW, NO_SUCH_TABLE, code_of
from deckinfra.mysql.names import qualified
from deckinfra.mysql.tables import Default, default_of, tables

_COUNTER: Final = re.compile(r"^(\) ENGINE=\w+) AUTO_INCREMENT=\d+", re.MULTILINE)
_ENDS: Final = re.compile(r" ON SCHEDULE (?:AT |EVERY [^`]*? ENDS )")
_ROUND_TRIP: Final = (
    *("ascii", "latin1", "latin2", "latin5", "latin7", "binary", "utf8mb3", "utf8mb4", "utf8"),
    *("ucs2", "utf16", "utf16le", "utf32", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866"),
    *("koi8r", "koi8u", "greek", "hebrew", "tis620", "macroman", "macce", "armscii8", "dec8", "hp8", "swe7", "keybcs2"),
)
"""Charsets whose every character has a place of its own in UTF-8."""


@dataclass(frozen=True)
class Survey:
    """A schema at one moment.

    ``definitions`` are checksums of the statements that make its tables; ``unusable`` are views that stand on what
    there is not any more; ``locking`` are tables that can only be held still by locking them. ``size`` is about how
    many bytes a dump of it has.
    """

    default: Default
    objects: ObjectSet
    definitions: Mapping[str, str]
    unusable: tuple[str, ...]
    locking: tuple[str, ...]
    size: int

    @classmethod
    def of(cls, session: Session, server: Server, schema: str) -> Survey:
        """Look at ``schema``; :class:`DatabaseError` if there is none, or the account may not see all of it."""
        default = default_of(session, schema)
        if default is None:
            raise DatabaseError(
                f"there is no database at {server.url.with_database(schema)}",
                hint="Is DATABASE_URL right? 'invoke db.migrate' makes a new one; 'invoke db.restore' brings one back.",
            )
        _refuse_names(session, schema)
        objects = ObjectSet.of(session, schema)
        unusable = tuple(view.name for view in objects.of_kind(VIEW) if not _is_usable(session, schema, view.name))
        definitions = {name: _definition(session, schema, name) for name in tables(session, schema)}
        return cls(default, objects, definitions, unusable, _locking(session, schema), _size(session, schema))

    @property
    def views(self) -> tuple[str, ...]:
        """The names of all views."""
        return tuple(view.name for view in self.objects.of_kind(VIEW))

    @property
    def restorable(self) -> ObjectSet:
        """The objects without the views that could not be made again."""
        kept = (each for each in self.objects.objects if each.kind != VIEW or each.name not in self.unusable)
        return ObjectSet(tuple(kept))

    def refuse_changes(self, later: Survey) -> None:
        """Raise :class:`DatabaseError` if anything but rows was changed up to ``later``."""
        changed = {name for name, text in self.definitions.items() ^ later.definitions.items()}
        changed |= {str(each) for each in _lasting(self.objects) ^ _lasting(later.objects)}
        if changed or self.default != later.default:
            named = ", ".join(sorted(changed)) or "the charset of the database"
            raise DatabaseError(
                f"the schema was changed while it was read: {named}",
                hint="No backup was made, since it might hold something of both. Run it again when that is done.",
            )


def object_facts(objects: ObjectSet) -> list[Facts]:
    """Give a checksum of each view, trigger, routine and event: its statement and how it was made.

    Whether an event runs is left out, since none does in a database that is not live; so are events that end, which
    a server does not make any more when their time is over. The triggers of a table have their order in theirs.
    """
    found = []
    for each in objects.objects:
        if _passes(each):
            continue
        document: dict[str, Any] = {**asdict(each), "statement": each.sql("", enabled=False)}
        if each.kind == TRIGGER:
            document["place"] = objects.triggers_of(each.table).index(each)
        found.append(Facts(each.kind, each.name, checksum=hashlib.sha256(encode(document)).hexdigest()))
    return found


def _passes(one: SchemaObject) -> bool:
    """Whether it is an event whose time will be over, when the server drops it."""
    return one.kind == EVENT and _ENDS.search(one.statement) is not None


def _lasting(objects: ObjectSet) -> set[SchemaObject]:
    return {each for each in objects.objects if not _passes(each)}


def default_facts(default: Default) -> Facts:
    """Give the facts of what the schema gives to tables that name no charset."""
    text = f"{default.charset} {default.collation}"
    return Facts("schema", "default", checksum=hashlib.sha256(text.encode()).hexdigest())


def warnings(session: Session, schema: str, survey: Survey) -> list[str]:
    """Say what a dump of ``schema`` as text cannot bring back, or costs, in sentences."""
    found = []
    if survey.locking:
        found.append(
            f"nobody could write while this backup was taken, to hold {_listed(survey.locking)} still: "
            "their engine has no transactions (ALTER TABLE ... ENGINE = InnoDB mends that)"
        )
    if survey.unusable:
        found.append(
            f"left out, since they do not work and could not be made again: views {_listed(survey.unusable)}; "
            "mend or drop them"
        )
    columns = session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COALESCE(CHARACTER_SET_NAME, ''), COALESCE(COLUMN_DEFAULT, '') "
        "FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE <> 'VIEW' AND (DATA_TYPE = 'float' OR CHARACTER_SET_NAME IS NOT NULL "
        "OR COLUMN_DEFAULT LIKE '%%nextval(%%') ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    )
    floats = [f"{table}.{name}" for table, name, kind, _, _ in columns if kind.lower() == "float"]
    lossy = [f"{table}.{name}" for table, name, _, charset, _ in columns if charset and charset not in _ROUND_TRIP]
    sequences = [f"{table}.{name}" for table, name, _, _, default in columns if "nextval(" in default.lower()]
    if floats:
        found.append(
            f"of {_listed(floats)} only the first six digits are in the backup: no dump tool prints a FLOAT "
            "whole (DOUBLE or DECIMAL columns come back exactly)"
        )
    if lossy:
        found.append(
            f"of {_listed(lossy)} rare characters may come back as others: their charset has two for one of UTF-8's"
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


def _listed(names: tuple[str, ...] | list[str]) -> str:
    most = 20
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _refuse_names(session: Session, schema: str) -> None:
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


def _is_usable(session: Session, schema: str, view: str) -> bool:
    try:
        session.query(f"SHOW COLUMNS FROM {qualified(schema, view)}")
    except DatabaseError as error:
        if code_of(error) == INVALID_VIEW:
            return False
        raise
    return True


def _definition(session: Session, schema: str, name: str) -> str:
    try:
        text = session.query(f"SHOW CREATE TABLE {qualified(schema, name)}")[0][1]
    except DatabaseError as error:
        if code_of(error) == NO_SUCH_TABLE:  # dropped since the tables were listed, which the comparison will tell
            return ""
        raise
    return hashlib.sha256(_COUNTER.sub(r"\1", text).encode()).hexdigest()


def _size(session: Session, schema: str) -> int:
    """Guess the size of a dump: text takes more room than what it says, but a page is not full."""
    rows = session.query(
        "SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema
    )
    return max(1, int(rows[0][0]))


def _locking(session: Session, schema: str) -> tuple[str, ...]:
    rows = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES JOIN information_schema.ENGINES USING (ENGINE) "
        "WHERE TABLE_SCHEMA = %s AND TRANSACTIONS <> 'YES' AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE') "
        "ORDER BY TABLE_NAME",
        schema,
    )
    return tuple(name for (name,) in rows)
