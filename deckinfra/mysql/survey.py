"""What a server tells of a schema before it is read, and after: what to leave out, what else to keep, what changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from deckinfra.core.documents import encode
from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError, RefusedError

from .definitions import EVENT, TRIGGER, VIEW, SchemaObject
from .faults import ACCESS_DENIED, INVALID_VIEW, NO_SUCH_TABLE, code_of
from .names import qualified
from .objects import ObjectSet
from .rights import missing_rights
from .server import Server, Session
from .tables import Default, default_of, tables, without_counter

_ENDS: Final = re.compile(r" ON SCHEDULE (?:AT |EVERY [^`]*? ENDS )")
_SHAPE: Final = re.compile(r"@(?:[0-9a-f]{4}|[0-9a-z]{2})")
_ODD: Final = re.compile(r"[^0-9a-z_]")
_HISTORY: Final = "system_versioning_asof"
_ALL_ROWS: Final = 2**64 - 1
"""What ``sql_select_limit`` is where a SELECT gives all rows."""

_IDENTITIES: Final = {"mysql": "INNODB_TABLES", "mariadb": "INNODB_SYS_TABLES"}


@dataclass(frozen=True)
class Survey:
    """A schema at one moment.

    ``definitions`` are checksums of the statements that make its tables, ``identities`` tell a table from another that
    took its name; ``unusable`` are views that stand on what there is not any more; ``locking`` are tables that can
    only be held still by locking them. ``size`` is about how many bytes its rows have.
    """

    default: Default
    objects: ObjectSet
    definitions: Mapping[str, str]
    identities: Mapping[str, str]
    unusable: tuple[str, ...]
    locking: tuple[str, ...]
    size: int

    @classmethod
    def of(cls, session: Session, server: Server, schema: str) -> Survey:
        """Look at ``schema``: at what the account may see of it, which need not be all; see :func:`refuse_blindness`.

        :class:`DatabaseError` if there is no such schema, or a part of it can be seen and not read.
        """
        default = default_of(session, schema)
        if default is None:
            raise DatabaseError(
                f"there is no database at {server.url.with_database(schema)}",
                hint="Is DATABASE_URL right? 'invoke db.migrate' makes a new one; 'invoke db.restore' brings one back.",
            )
        objects = ObjectSet.of(session, schema)
        unusable = tuple(view.name for view in objects.of_kind(VIEW) if not _is_usable(session, schema, view.name))
        definitions = {name: _definition(session, schema, name) for name in tables(session, schema)}
        identities = _identities(session, server.vendor, schema, definitions)
        locking, size = _locking(session, schema), _size(session, schema)
        return cls(default, objects, definitions, identities, unusable, locking, size)

    @property
    def views(self) -> tuple[str, ...]:
        """The names of all views."""
        return tuple(view.name for view in self.objects.of_kind(VIEW))

    @property
    def restorable(self) -> ObjectSet:
        """The objects without the views that could not be made again."""
        kept = (each for each in self.objects.objects if each.kind != VIEW or each.name not in self.unusable)
        return ObjectSet(tuple(kept))

    def told_as(self, objects: ObjectSet) -> Survey:
        """Give the same survey, with views as ``objects`` have them; see :meth:`.objects.ObjectSet.told_as`."""
        return replace(self, objects=self.objects.told_as(objects))

    def refuse_changes(self, later: Survey) -> None:
        """Raise :class:`DatabaseError` if anything but rows was changed up to ``later``."""
        changed = {name for name, text in self.definitions.items() ^ later.definitions.items()}
        changed |= {name for name, _ in self.identities.items() ^ later.identities.items()}
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


def refuse_settings(session: Session) -> None:
    """Raise :class:`RefusedError` where the server is set to give a connection fewer or other rows than there are.

    Dump tools go by such settings like anybody, and there is no option of both vendors' by which they would not.
    """
    rows = session.query(
        f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('sql_select_limit', '{_HISTORY}') "
        f"AND Value NOT IN ('{_ALL_ROWS}', 'DEFAULT')"
    )
    for name, value in rows:
        usual = "DEFAULT" if name == _HISTORY else str(_ALL_ROWS)
        raise RefusedError(
            f"the server of {session.url} is set to {name} = {value}: a backup would not see all rows",
            hint=f"No backup was made. Run SET GLOBAL {name} = {usual} there, then run this again.",
        )


def refuse_blindness(session: Session, schema: str) -> None:
    """Raise :class:`RefusedError` if the account may not see all of ``schema``.

    What an account may not see is left out of the server's lists, and so of a backup, without a word.
    """
    missing = missing_rights(session, schema)
    if missing:
        raise RefusedError(
            f"the account {session.url.username} may not see all of {session.url.with_database(schema)}: it lacks "
            f"{', '.join(missing)}",
            hint="No backup was made, since it would lack what is not seen. Set DATABASE_ADMIN_USER to an account that "
            "may, or grant this one what it lacks.",
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
    return hashlib.sha256(without_counter(text.encode())).hexdigest()


def _identities(session: Session, vendor: str, schema: str, names: Iterable[str]) -> dict[str, str]:
    """Give what a table has and one that takes its name has not: when it was made, and InnoDB's number for it.

    The number, and those of a table's partitions, only an account with the right PROCESS may see.
    """
    made = session.query(
        "SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema
    )
    times = {name: str(time) for name, time in made}
    try:
        rows = session.query(f"SELECT NAME, TABLE_ID FROM information_schema.{_IDENTITIES[vendor]}")  # noqa: S608
    except DatabaseError as error:
        if code_of(error) not in ACCESS_DENIED:
            raise
        rows = []
    # InnoDB knows names as those of files, where what is no plain letter is an @ and a code. Two names of one shape
    # are kept apart by what stands beside the numbers.
    numbers: dict[tuple[str, str], list[str]] = {}
    for path, number in rows:
        place, _, file = path.lower().partition("/")
        shape = (_SHAPE.sub("@", place), _SHAPE.sub("@", file.partition("#p#")[0]))
        numbers.setdefault(shape, []).append(f"{path}={number}")
    own = _ODD.sub("@", schema.lower())
    return {name: f"{times.get(name)} {sorted(numbers.get((own, _ODD.sub('@', name.lower())), []))}" for name in names}


def _size(session: Session, schema: str) -> int:
    """Guess the size of the rows as text, which takes more room than what it says; but a page is not full."""
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
