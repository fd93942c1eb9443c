"""What the text of a dump tells of each table: how many rows there are, and checksums of definition and data.

A checksum is the SHA-256 of what the dump tool printed. Equal ones prove that source and restored table print the same,
column by column, in the same order. They prove nothing of what the tool does not print, be it digits of a FLOAT, rows
or a table: what can be found of that, :mod:`.survey`, :mod:`.losses` and :mod:`.witness` find by other ways.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError
from deckinfra.ports import VERSION_TABLE

from .sections import FRAME, TABLE, Run

DEFINITION: Final = "definition"

_INSERT: Final = b"\nINSERT INTO `"
_PREFIX: Final = re.compile(rb"INSERT INTO `(?:[^`]|``)*` (?:\((?:`(?:[^`]|``)*`(?:, )?)*\) )?VALUES[ \n]")
# Not the same in what was restored, and yet the same: a counter for numbers to come, which others move at any time;
# and a column's charset beside its collation, which MySQL prints from the second time on, though it says nothing new.
_COUNTER: Final = re.compile(
    rb"^(\) (?:/\*!\d+ TABLESPACE (?:`(?:[^`]|``)*`|\w+) .*?\*/ )?ENGINE=\w+) AUTO_INCREMENT=\d+", re.MULTILINE
)
_CHARSET: Final = re.compile(rb" CHARACTER SET \w+(?= COLLATE \w)")
_TEXT: Final = re.compile(rb"'((?:[^'\\]|\\.)*)'")
_MOST: Final = 1024 * 1024


def without_counter(definition: bytes) -> bytes:
    """Give a statement that makes a table without the number that its next row would have."""
    return _COUNTER.sub(rb"\1", definition)


class RowCounter:
    """Counts rows in INSERT statements, in any pieces: the brackets that are neither in a text nor in a name.

    Escaped quotes are taken out, then the text is cut at the quotes that are left: every second piece is outside.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._prefix = b""
        self._quoted = False
        self._held = b""

    def add(self, data: bytes, fresh: bool) -> None:
        """Take the next bytes, at whose start a line begins if they are ``fresh``."""
        text = b"\n" + data if fresh else data
        if not self._prefix:
            start = text.find(_INSERT)
            if start < 0:
                return
            self._prefix = _prefix(text, start + 1)
            text = text[start:]
        text = self._held + text.replace(b"\n" + self._prefix, b"\n")
        text = text.replace(b"\\\\", b"")
        self._held = b"\\" if text.endswith(b"\\") else b""
        pieces = text.removesuffix(b"\\").replace(b"\\'", b"").split(b"'")
        self.rows += b"".join(pieces[self._quoted :: 2]).count(b"(")
        self._quoted ^= len(pieces) % 2 == 0


def _prefix(text: bytes, start: int) -> bytes:
    """Give what each statement begins with: names may hold brackets and quotes, too."""
    found = _PREFIX.match(text, start)
    if found is None:
        line = text[start : start + 80].decode(errors="replace")
        raise DatabaseError(
            f"the dump tool printed what is not known to be rows: {line}",
            hint="Nothing was changed. This is an error here.",
        )
    return found[0]


class _Table:
    def __init__(self) -> None:
        self.definition = bytearray()
        self.data = hashlib.sha256()
        self.counter = RowCounter()
        self.has_rows = False


class Tally:
    """Sees all runs of one dump, and gives the facts."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], _Table] = {}
        self._versions = bytearray()

    def add(self, run: Run) -> None:
        """Take the next run."""
        section = run.section
        if section.kind == FRAME:
            return
        table = self._tables.setdefault((section.kind, section.name), _Table())
        if not section.rows:
            table.definition += run.data
            return
        table.has_rows = True
        table.data.update(run.data)
        table.counter.add(run.data, run.fresh)
        if section.name == VERSION_TABLE and len(self._versions) < _MOST:
            self._versions += run.data

    def rows(self) -> dict[str, int]:
        """Give how many rows there are of each table that has a definition and rows, be they none."""
        whole = ((key, table) for key, table in self._tables.items() if table.definition)
        return {name: table.counter.rows for (kind, name), table in whole if kind != TABLE or table.has_rows}

    def facts(self, uncertain: Collection[str] = ()) -> Iterator[Facts]:
        """Give rows and a checksum of the data of each table, and a checksum of each definition.

        Of ``uncertain`` tables there is no checksum of the data.
        """
        for (kind, name), table in self._tables.items():
            text = _CHARSET.sub(b"", without_counter(bytes(table.definition)))
            definition = hashlib.sha256(text).hexdigest()
            if kind == TABLE:
                yield Facts(TABLE, name, table.counter.rows, None if name in uncertain else table.data.hexdigest())
                yield Facts(DEFINITION, name, checksum=definition)
            else:
                yield Facts(kind, name, checksum=definition)

    def revisions(self) -> tuple[str, ...]:
        """Give the revisions in the version table, as it was at the time of the dump."""
        rows = self._versions.partition(_INSERT)[2]
        return tuple(sorted(text.decode() for text in _TEXT.findall(rows)))
