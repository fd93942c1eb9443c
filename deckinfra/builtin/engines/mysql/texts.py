"""Text that is none in its column's charset: it can be read, and no server takes it back as it is.

No statement puts such bytes into a table, but files of older servers have them. A server asked to load them cuts the
text short, or writes question marks. So a backup that has any is refused. To ask of every text would take as long as to
read it once more: the server is asked only of tables whose rows are not plainly sound. Most are.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from deckinfra.errors import RefusedError
from deckinfra.mysql import Server, Session
from deckinfra.mysql.names import qualified, quoted

from .ranges import Range
from .shape import Shape

_ASCII: Final = 0
_UTF8: Final = 1
_ANY: Final = 2
"""What all of a table's rows are, the levels in order: ASCII; UTF-8; or neither, which binary values make of them."""

_SURE: Final = {"utf8mb4": _UTF8, "ucs2": -1, "utf16": -1, "utf16le": -1, "utf32": -1}
"""Up to which level a charset's text is sound for certain. For the others that are looked at it is ASCII. Those with
one byte to a letter are not: they take every byte. So does ASCII itself on MariaDB, but not on MySQL."""

_PLAIN: Final = "ascii"

_STEP: Final = 1024 * 1024


class TextWatch:
    """Sees all chunks of a schema's rows, and asks the server what is left in doubt."""

    def __init__(self, session: Session, server: Server, schema: str, shapes: Sequence[Shape]) -> None:
        self._schema = schema
        self._versioned = {shape.name for shape in shapes if shape.versioned}
        self._columns = _columns(session, server.vendor, schema)
        self._levels = dict.fromkeys(self._columns, _ASCII)
        self._decoders: dict[Range, codecs.IncrementalDecoder] = {}

    def see(self, part: Range, data: bytes) -> None:
        """Take the next chunk of a range."""
        name = part.shape.name
        if self._levels.get(name, _ANY) == _ANY:
            return
        if data.isascii() and part not in self._decoders:
            return
        decoder = self._decoders.setdefault(part, codecs.getincrementaldecoder("utf-8")())
        try:
            for start in range(0, len(data), _STEP):
                decoder.decode(data[start : start + _STEP])
            self._levels[name] = _UTF8
        except UnicodeDecodeError:
            self._levels[name] = _ANY

    def refuse_unsound(self, session_for: Callable[[str], Session]) -> None:
        """Ask by sessions that see the same point in time, the one that there is for each table.

        :class:`RefusedError` names each column with text that would come back as another.
        """
        found = []
        for table, columns in self._columns.items():
            asked = [name for name, charset in columns.items() if _SURE.get(charset, _ASCII) < self._levels[table]]
            if not asked:
                continue
            sums = ", ".join(f"COALESCE(SUM({_is_unsound(name, columns[name])}), 0)" for name in asked)
            history = " FOR SYSTEM_TIME ALL" if table in self._versioned else ""
            counts = session_for(table).query(f"SELECT {sums} FROM {qualified(self._schema, table)}{history}")[0]  # noqa: S608
            unsound = [(name, int(rows)) for name, rows in zip(asked, counts, strict=True)]
            found += [f"{table}.{name} ({rows:,} rows)" for name, rows in unsound if rows]
        if found:
            raise RefusedError(
                f"there is text that is none in the charset of its column, and no server takes it back: "
                f"{', '.join(found)}",
                hint="No backup was made. Mend the text, or make bytes of it: ALTER TABLE ... MODIFY ... VARBINARY, or "
                "BLOB, keeps them as they are.",
            )


def _is_unsound(column: str, charset: str) -> str:
    data = f"CAST({quoted(column)} AS BINARY)"
    # MySQL takes any bytes for ASCII when they are called that; as letters of Latin-1 they have to be some.
    text = f"CONVERT({data} USING latin1)" if charset == _PLAIN else data
    return f"NOT (CAST(CONVERT({text} USING {charset}) AS BINARY) <=> {data})"


def _columns(session: Session, vendor: str, schema: str) -> Mapping[str, Mapping[str, str]]:
    """Give the charset of each column whose text may be unsound, by table."""
    found: dict[str, dict[str, str]] = {}
    for table, column, charset in session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS "
        "JOIN information_schema.CHARACTER_SETS USING (CHARACTER_SET_NAME) "
        "WHERE TABLE_SCHEMA = %s AND (MAXLEN > 1 OR CHARACTER_SET_NAME = %s) "
        "AND DATA_TYPE NOT IN ('enum', 'set') AND COALESCE(GENERATION_EXPRESSION, '') = '' "
        "ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
        _PLAIN if vendor == "mysql" else "",
    ):
        found.setdefault(table, {})[column] = charset
    return found
