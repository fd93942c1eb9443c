"""What a table is to a reader and a loader: its columns, how each is read and loaded so that no bit is lost, its key.

Values travel as the server sends them in the text protocol with ``character_set_results = binary``, and are loaded with
``CHARACTER SET binary``: bytes as they are stored. Where that alone would lose something:

=======================  ==========================================  =================================================
type                     read as                                     loaded as
=======================  ==========================================  =================================================
FLOAT                    DOUBLE: as a FLOAT, six digits are printed  it is
ENUM, SET                a number: members may look like numbers     a number
JSON on MySQL            it is                                       UTF-8, since MySQL takes no JSON from binary text
INET4, INET6, UUID       it is                                       text: 16 bytes would be taken for an address
generated columns        not at all                                  not at all
the end of a row's time  NULL where that is not over                 the server's own "not over" for NULL
=======================  ==========================================  =================================================

The last is of MariaDB's system-versioned tables: their rows are read with all that they were, and when they were so.
A table in which every column is generated is read as a NULL for each row, and loaded as rows of defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.errors import DamagedError
from deckinfra.mysql import Session
from deckinfra.mysql.names import qualified, quoted

_NUMBERED: Final = frozenset({"enum", "set"})
_TEXTUAL: Final = frozenset({"inet4", "inet6", "uuid"})
_UNTIL: Final = "row end"
"""The kind of the column that tells until when a row was so. What stands for "not over" differs among servers."""

_NOT_OVER: Final = "COALESCE({}, FROM_UNIXTIME(4294967295.999999), FROM_UNIXTIME(2147483647.999999))"
_INTEGERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


@dataclass(frozen=True)
class Column:
    """A column with values of its own: its name, and its type's name in lower case."""

    name: str
    kind: str

    @property
    def reading(self) -> str:
        """The expression that reads it."""
        name = quoted(self.name)
        if self.kind == "float":
            return f"CAST({name} AS DOUBLE)"
        if self.kind in _NUMBERED:
            return f"CAST({name} AS UNSIGNED)"
        if self.kind == _UNTIL:
            return f"IF({name} >= '2038-01-19 03:14:07.999999', NULL, {name})"
        return name

    def loading(self, number: int, vendor: str) -> tuple[str, str]:
        """Give what stands for it in LOAD DATA's list of columns, and after its SET; the latter may be empty."""
        name, variable = quoted(self.name), f"@deckinfra_{number}"
        wrapped = self._wrapped(variable, vendor)
        return (name, "") if wrapped == variable else (variable, f"{name} = {wrapped}")

    def inserting(self, vendor: str) -> str:
        """Give the expression for a value in an INSERT, with ``%b`` for the value as a binary string."""
        return self._wrapped("%b", vendor)

    def _wrapped(self, value: str, vendor: str) -> str:
        """Give the expression that makes of a binary string what the column takes."""
        if self.kind in _NUMBERED:
            return f"CAST({value} AS UNSIGNED)"
        if self.kind == "json" and vendor == "mysql":
            return f"CONVERT({value} USING utf8mb4)"
        if self.kind in _TEXTUAL:
            return f"CONVERT({value} USING latin1)"
        if self.kind == _UNTIL:
            return _NOT_OVER.format(value)
        return value


@dataclass(frozen=True)
class Shape:
    """A table that has rows of its own.

    ``engine`` is what stores it, ``definition`` the statement that makes it. ``key`` are the columns of ``index``, a
    unique key without NULLs, by which its rows have an order; empty where it has none. ``ranged`` tells whether that
    key is one whole number, so that a part of the rows can be asked for. ``versioned`` tells whether its rows are read
    and loaded with all that they were.
    """

    name: str
    engine: str
    definition: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    index: str
    ranged: bool
    versioned: bool = False

    def query(self, schema: str, low: int | None = None, high: int | None = None) -> str:
        """Give the statement that reads its rows, those whose key is from ``low`` up to but not ``high``, in order."""
        names = ", ".join(column.reading for column in self.columns) or "NULL"
        history = " FOR SYSTEM_TIME ALL" if self.versioned else ""
        force = f" FORCE INDEX ({quoted(self.index)})" if self.key else ""
        key = ", ".join(map(quoted, self.key))
        bounds = [f"{key} >= {low}"] if low is not None else []
        bounds += [f"{key} < {high}"] if high is not None else []
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        until = [quoted(column.name) for column in self.columns if column.kind == _UNTIL]
        order = f" ORDER BY {', '.join([key, *until])}" if self.key else ""
        return f"SELECT {names} FROM {qualified(schema, self.name)}{history}{force}{where}{order}"  # noqa: S608

    def load(self, schema: str, vendor: str) -> str:
        """Give the statement that loads the text that :meth:`query` was read as."""
        return self._load(qualified(schema, self.name), vendor)

    def _load(self, place: str, vendor: str) -> str:
        found = [each.loading(n, vendor) for n, each in enumerate(self.columns)] or [("@deckinfra_0", "")]
        targets, settings = zip(*found, strict=True)
        assigned = ", ".join(filter(None, settings))
        return (
            f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {place} CHARACTER SET binary "
            f"({', '.join(targets)}){f' SET {assigned}' if assigned else ''}"
        )

    def insertion(self, place: str, vendor: str) -> tuple[str, str]:
        """Give how a statement begins that inserts rows, and what one row is in it, with ``%b`` for each value.

        ``place`` is the table's name, quoted. There is no value in a table without columns of its own.
        """
        names = ", ".join(quoted(column.name) for column in self.columns)
        values = ",".join(column.inserting(vendor) for column in self.columns)
        start = f"INSERT INTO {place} ({names}) VALUES "  # noqa: S608
        return start, f"({values})"

    def document(self, vendor: str) -> dict[str, Any]:
        """Give it as a JSON object, with the statement that loads its rows, for whoever does that by hand."""
        columns, load = [[each.name, each.kind] for each in self.columns], self._load(quoted(self.name), vendor)
        return {**asdict(self), "columns": columns, "key": list(self.key), "load": load}

    @classmethod
    def parse(cls, document: Mapping[str, Any], what: str) -> Shape:
        """Read it back; a :class:`DamagedError` that names ``what`` otherwise."""
        texts = {name: field_of(document, name, str, what) for name in ("name", "engine", "definition", "index")}
        ranged, versioned = (field_of(document, name, bool, what) for name in ("ranged", "versioned"))
        key = tuple(map(str, field_of(document, "key", list, what)))
        try:
            columns = tuple(Column(str(name), str(kind)) for name, kind in field_of(document, "columns", list, what))
        except (TypeError, ValueError):
            raise DamagedError(f"{what} has no usable field 'columns'") from None
        return cls(columns=columns, key=key, ranged=ranged, versioned=versioned, **texts)


def shapes_in(session: Session, schema: str, names: Sequence[str]) -> list[Shape]:
    """Look at the tables of ``schema`` that are called so, in that order."""
    columns: dict[str, list[Column]] = {}
    for table, column, kind in session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    ):
        columns.setdefault(table, []).append(Column(column, kind))
    keys, periods = _keys(session, schema), _periods(session, schema)
    engines = session.query(
        "SELECT TABLE_NAME, COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema
    )
    stored: dict[str, str] = dict(engines)
    found = []
    for name in names:
        definition = str(session.query(f"SHOW CREATE TABLE {qualified(schema, name)}")[0][1])
        own, (index, key) = columns.get(name, []), keys.get(name, ("", ()))
        period = periods.get(name, ())
        kinds = {column.name: column.kind for column in own}
        whole = (*own, *period)
        # The server itself has the end of a row's time in its keys.
        key = tuple(part for part in key if part not in {column.name for column in period})
        ranged = len(key) == 1 and kinds.get(key[0]) in _INTEGERS
        found.append(Shape(name, stored.get(name, ""), definition, whole, key, index, ranged, bool(period)))
    return found


def _periods(session: Session, schema: str) -> dict[str, tuple[Column, Column]]:
    """Give the columns that tell since when and until when a row was so, of each table whose history can be loaded.

    It cannot where a server is too old for it, or numbers of transactions stand for times.
    """
    if not session.query("SHOW VARIABLES LIKE 'system_versioning_insert_history'"):
        return {}
    named: dict[str, dict[str, tuple[str, str]]] = {}
    for table, column, role, kind in session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, GENERATION_EXPRESSION, LOWER(DATA_TYPE) FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND GENERATION_EXPRESSION IN ('ROW START', 'ROW END')",
        schema,
    ):
        named.setdefault(table, {})[role] = (column, kind)
    usual = {"ROW START": ("row_start", "timestamp"), "ROW END": ("row_end", "timestamp")}
    found = {}
    for (table,) in session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SYSTEM VERSIONED'",
        schema,
    ):
        since, until = (named.get(table, usual)[role] for role in ("ROW START", "ROW END"))
        if since[1] == "timestamp":
            found[table] = (Column(*since), Column(until[0], _UNTIL))
    return found


def _keys(session: Session, schema: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Give each table's best key: the primary one, else the first unique one of whole columns that are never NULL.

    Not one that the server is told not to use, INVISIBLE or IGNORED: it cannot be asked for.
    """
    found: dict[tuple[str, str], list[str | None]] = {}
    for table, index, column, prefix, nullable in session.query(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0 AND INDEX_TYPE = 'BTREE' "
        "/*!80000 AND IS_VISIBLE = 'YES' */ /*M!100600 AND IGNORED = 'NO' */ "
        "ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        schema,
    ):
        usable = column is not None and prefix is None and nullable != "YES"
        found.setdefault((table, index), []).append(column if usable else None)
    best: dict[str, tuple[str, tuple[str, ...]]] = {}
    for (table, index), parts in sorted(found.items(), key=lambda item: (item[0][1] != "PRIMARY", item[0])):
        whole = tuple(part for part in parts if part is not None)
        if len(whole) == len(parts):
            best.setdefault(table, (index, whole))
    return best
