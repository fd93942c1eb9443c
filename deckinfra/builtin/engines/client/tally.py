"""What the text of a dump tells of each table: how many rows there are, and checksums of definition and data.

A checksum is the SHA-256 of what the dump tool printed. Equal ones prove that source and restored table print the same,
column by column, in the same order. They prove nothing of what the tool itself does not print: the last digits of a
FLOAT are the one such thing, and a snapshot warns of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
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
_COUNTER: Final = re.compile(rb"^(\) ENGINE=\w+) AUTO_INCREMENT=\d+", re.MULTILINE)
_CHARSET: Final = re.compile(rb" CHARACTER SET \w+(?= COLLATE \w)")
_TEXT: Final = re.compile(rb"'((?:[^'\\]|\\.)*)'")
_MOST: Final = 1024 * 1024


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
        table.data.update(run.data)
        table.counter.add(run.data, run.fresh)
        if section.name == VERSION_TABLE and len(self._versions) < _MOST:
            self._versions += run.data

    def facts(self) -> Iterator[Facts]:
        """Give rows and a checksum of the data of each table, and a checksum of each definition."""
        for (kind, name), table in self._tables.items():
            text = _CHARSET.sub(b"", _COUNTER.sub(rb"\1", bytes(table.definition)))
            definition = hashlib.sha256(text).hexdigest()
            if kind == TABLE:
                yield Facts(TABLE, name, table.counter.rows, table.data.hexdigest())
                yield Facts(DEFINITION, name, checksum=definition)
            else:
                yield Facts(kind, name, checksum=definition)

    def revisions(self) -> tuple[str, ...]:
        """Give the revisions in the version table, as it was at the time of the dump."""
        rows = self._versions.partition(_INSERT)[2]
        return tuple(sorted(text.decode() for text in _TEXT.findall(rows)))
