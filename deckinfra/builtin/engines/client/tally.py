"""What the text of a dump tells of each table: how many rows there are, and checksums of definition and data.

A checksum is the SHA-256 of what the dump tool printed. Equal ones prove that source and restored table print the same,
column by column, in the same order. Where the order is not certain, or numbers are printed in another way when they
come back, it is one of rows in any order: see :mod:`.rows`. They prove nothing of what the tool does not print, be it
digits of a FLOAT, rows or a table: what can be found of that, :mod:`.survey`, :mod:`.losses` and :mod:`.witness` find
by other ways.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from deckinfra.core.manifest import Facts
from deckinfra.mysql.tables import comparable
from deckinfra.ports import VERSION_TABLE

from .rows import INSERT, RowCounter, RowSum, RowText
from .sections import FRAME, TABLE, Run

DEFINITION: Final = "definition"

NUMBERS: Final = "numbers of "
"""What the name of a column follows in whose JSON there are numbers that come back as the nearest DOUBLE."""

_TEXT: Final = re.compile(rb"'((?:[^'\\]|\\.)*)'")
_MOST: Final = 1024 * 1024


class _Table:
    def __init__(self, pardoned: Collection[str] | None) -> None:
        self.definition = bytearray()
        self.has_rows = False
        self._text = RowText()
        self._counter = RowCounter()
        self._data = hashlib.sha256() if pardoned is None else None
        self._pardoned = pardoned or ()
        self._sum: RowSum | None = None

    def add(self, data: bytes, fresh: bool) -> None:
        self.has_rows = True
        text = self._text.of(data, fresh)
        self._counter.add(text)
        if self._data:
            self._data.update(data)
            return
        if self._sum is None and text:
            columns = enumerate(self._text.columns)
            self._sum = RowSum([place for place, name in columns if f"{NUMBERS}{name}" in self._pardoned])
        if self._sum:
            self._sum.add(text)

    @property
    def rows(self) -> int:
        return self._counter.rows

    def checksum(self) -> str:
        return (self._data or self._sum or RowSum()).hexdigest()


class Tally:
    """Sees all runs of one dump, and gives the facts.

    Of the tables in ``by_rows``, the checksum is that of :class:`.rows.RowSum`, which does not look at what may differ
    when nothing is wrong: it is named there.
    """

    def __init__(self, by_rows: Mapping[str, Collection[str]] = {}) -> None:
        self._by_rows = by_rows
        self._tables: dict[tuple[str, str], _Table] = {}
        self._versions = bytearray()

    def add(self, run: Run) -> None:
        """Take the next run."""
        section = run.section
        if section.kind == FRAME:
            return
        key = (section.kind, section.name)
        if key not in self._tables:
            self._tables[key] = _Table(self._by_rows.get(section.name))
        table = self._tables[key]
        if not section.rows:
            table.definition += run.data
            return
        table.add(run.data, run.fresh)
        if section.name == VERSION_TABLE and len(self._versions) < _MOST:
            self._versions += run.data

    def rows(self) -> dict[str, int]:
        """Give how many rows there are of each table that has a definition and rows, be they none."""
        whole = ((key, table) for key, table in self._tables.items() if table.definition)
        return {name: table.rows for (kind, name), table in whole if kind != TABLE or table.has_rows}

    def facts(self) -> Iterator[Facts]:
        """Give rows and a checksum of the data of each table, and a checksum of each definition."""
        for (kind, name), table in self._tables.items():
            definition = hashlib.sha256(comparable(bytes(table.definition))).hexdigest()
            if kind == TABLE:
                yield Facts(TABLE, name, table.rows, table.checksum())
                yield Facts(DEFINITION, name, checksum=definition)
            else:
                yield Facts(kind, name, checksum=definition)

    def revisions(self) -> tuple[str, ...]:
        """Give the revisions in the version table, as it was at the time of the dump."""
        rows = self._versions.partition(INSERT)[2]
        return tuple(sorted(text.decode() for text in _TEXT.findall(rows)))
