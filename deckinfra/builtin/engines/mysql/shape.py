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
=======================  ==========================================  =================================================
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
        return value


@dataclass(frozen=True)
class Shape:
    """A table that has rows of its own.

    ``engine`` is what stores it, ``definition`` the statement that makes it. ``key`` are the columns of ``index``, a
    unique key without NULLs, by which its rows have an order; empty where it has none. ``ranged`` tells whether that
    key is one whole number, so that a part of the rows can be asked for.
    """

    name: str
    engine: str
    definition: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    index: str
    ranged: bool

    def query(self, schema: str, low: int | None = None, high: int | None = None) -> str:
        """Give the statement that reads its rows, those whose key is from ``low`` up to but not ``high``, in order."""
        names = ", ".join(column.reading for column in self.columns)
        force = f" FORCE INDEX ({quoted(self.index)})" if self.key else ""
        key = ", ".join(map(quoted, self.key))
        bounds = [f"{key} >= {low}"] if low is not None else []
        bounds += [f"{key} < {high}"] if high is not None else []
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        order = f" ORDER BY {key}" if self.key else ""
        return f"SELECT {names} FROM {qualified(schema, self.name)}{force}{where}{order}"  # noqa: S608

    def load(self, schema: str, vendor: str) -> str:
        """Give the statement that loads the text that :meth:`query` was read as."""
        targets, settings = zip(*(each.loading(n, vendor) for n, each in enumerate(self.columns)), strict=True)
        assigned = ", ".join(filter(None, settings))
        return (
            f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {qualified(schema, self.name)} CHARACTER SET binary "
            f"({', '.join(targets)}){f' SET {assigned}' if assigned else ''}"
        )

    def insertion(self, schema: str, vendor: str) -> tuple[str, str]:
        """Give how a statement begins that inserts rows, and what one row is in it, with ``%b`` for each value."""
        names = ", ".join(quoted(column.name) for column in self.columns)
        values = ",".join(column.inserting(vendor) for column in self.columns)
        start = f"INSERT INTO {qualified(schema, self.name)} ({names}) VALUES "  # noqa: S608
        return start, f"({values})"

    def document(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {**asdict(self), "columns": [[each.name, each.kind] for each in self.columns], "key": list(self.key)}

    @classmethod
    def parse(cls, document: Mapping[str, Any], what: str) -> Shape:
        """Read it back; a :class:`DamagedError` that names ``what`` otherwise."""
        texts = {name: field_of(document, name, str, what) for name in ("name", "engine", "definition", "index")}
        key = tuple(map(str, field_of(document, "key", list, what)))
        try:
            columns = tuple(Column(str(name), str(kind)) for name, kind in field_of(document, "columns", list, what))
        except (TypeError, ValueError):
            raise DamagedError(f"{what} has no usable field 'columns'") from None
        return cls(columns=columns, key=key, ranged=field_of(document, "ranged", bool, what), **texts)


def shapes_in(session: Session, schema: str, names: Sequence[str]) -> list[Shape]:
    """Look at the tables of ``schema`` that are called so, in that order."""
    columns: dict[str, list[Column]] = {}
    for table, column, kind in session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    ):
        columns.setdefault(table, []).append(Column(column, kind))
    keys = _keys(session, schema)
    engines = session.query(
        "SELECT TABLE_NAME, COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema
    )
    stored: dict[str, str] = dict(engines)
    found = []
    for name in names:
        definition = str(session.query(f"SHOW CREATE TABLE {qualified(schema, name)}")[0][1])
        own, (index, key) = tuple(columns.get(name, ())), keys.get(name, ("", ()))
        kinds = {column.name: column.kind for column in own}
        ranged = len(key) == 1 and kinds.get(key[0]) in _INTEGERS
        found.append(Shape(name, stored.get(name, ""), definition, own, key, index, ranged))
    return found


def _keys(session: Session, schema: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Give each table's best key: the primary one, else the first unique one of whole columns that are never NULL."""
    found: dict[tuple[str, str], list[str | None]] = {}
    for table, index, column, prefix, nullable in session.query(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NULLABLE FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0 AND INDEX_TYPE = 'BTREE' "
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
