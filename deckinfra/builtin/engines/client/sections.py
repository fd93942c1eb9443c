"""Cutting the text of a dump into the sections of its tables, and those into chunks, in bounded memory.

Put together again in order, the chunks are the dump, whatever was taken for a section: names of sections are only
names. A section begins with a comment of the tool's. Data cannot feign one: the tools write a line break in a value as
``\\n``, and names that hold one are refused before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from deckinfra.ports import Chunk

TABLE: Final = "table"
SEQUENCE: Final = "sequence"
FRAME: Final = "dump"
"""The kind of what stands before the first table and behind the last."""

CHUNK: Final = 4 * 1024 * 1024
"""Bytes from which on a chunk ends with the line; at twice as many it ends in the middle of one."""

_LONG: Final = 1024 * 1024
_MARKERS: Final = (
    (b"-- Table structure for table `", TABLE, False),
    (b"-- Dumping data for table `", TABLE, True),
    (b"-- Sequence structure for `", SEQUENCE, False),
)
_FOOT: Final = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE"


@dataclass(frozen=True)
class Section:
    """A run of lines: whose they are, and whether they hold rows."""

    kind: str
    name: str
    rows: bool = False


HEAD: Final = Section(FRAME, "head")
FOOT: Final = Section(FRAME, "foot")


@dataclass(frozen=True)
class Run:
    """Bytes of one section: whole lines, or a piece of one that is very long. ``fresh`` tells whether a line begins."""

    section: Section
    data: bytes
    fresh: bool


class Splitter:
    """Takes the output of a dump tool in pieces of any size, and tells whose the bytes are.

    ``longest`` is the length of the longest line so far, or 0 while none was longer than a mebibyte.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._section = HEAD
        self._fresh = True
        self._line = 0
        self.longest = 0

    def runs(self, pieces: Iterable[bytes]) -> Iterator[Run]:
        """Take all pieces, to the end of the dump."""
        for piece in pieces:
            yield from self.feed(piece)
        yield from self._cut(self._take(len(self._rest)))

    def feed(self, piece: bytes) -> Iterator[Run]:
        """Take the next piece, and give what can be told apart so far."""
        self._rest += piece
        end = self._rest.rfind(b"\n", len(self._rest) - len(piece)) + 1
        if end or len(self._rest) > _LONG:
            yield from self._cut(self._take(end or len(self._rest)))

    def _take(self, size: int) -> bytes:
        data = bytes(memoryview(self._rest)[:size])
        del self._rest[:size]
        return data

    def _cut(self, data: bytes) -> Iterator[Run]:
        start = 0
        for position, section in _found(data, self._fresh):
            yield from self._run(data[start:position])
            self._section, start = section, position
        yield from self._run(data[start:])

    def _run(self, data: bytes) -> Iterator[Run]:
        if not data:
            return
        first = data.find(b"\n") + 1
        if self._line or not first:
            self._line += first or len(data)
            self.longest = max(self.longest, self._line)
        yield Run(self._section, data, self._fresh)
        self._fresh = data.endswith(b"\n")
        if self._fresh:
            self._line = 0


def _found(data: bytes, fresh: bool) -> Iterator[tuple[int, Section]]:
    """Give where sections begin in ``data``, at whose start a line begins if it is ``fresh``."""
    places = [0] if fresh and data.startswith((b"-- ", _FOOT)) else []
    for start in (b"\n-- ", b"\n" + _FOOT):
        place = data.find(start)
        while place >= 0:
            places.append(place + 1)
            place = data.find(start, place + 1)
    for place in sorted(places):
        section = _section_at(data, place)
        if section is not None:
            yield place, section


def _section_at(data: bytes, place: int) -> Section | None:
    if data.startswith(_FOOT, place):
        return FOOT
    for marker, kind, rows in _MARKERS:
        if data.startswith(marker, place):
            line = data[place + len(marker) : data.find(b"\n", place)]
            return Section(kind, line.rpartition(b"`")[0].replace(b"``", b"`").decode(errors="replace"), rows)
    return None


@dataclass
class Chunker:
    """Puts the runs of each part together to chunks, which depend on what is in them and not on how it came."""

    _key: tuple[str, str] = (HEAD.kind, HEAD.name)
    _open: bytearray = field(default_factory=bytearray)

    def add(self, run: Run) -> Iterator[Chunk]:
        """Take the next run, and give the chunks that are full."""
        key = (run.section.kind, run.section.name)
        if key != self._key:
            yield from self.end()
            self._key = key
        self._open += run.data
        while (size := self._size()) is not None:
            yield self._chunk(size)

    def end(self) -> Iterator[Chunk]:
        """Give what is left of the part."""
        if self._open:
            yield self._chunk(len(self._open))

    def _size(self) -> int | None:
        """Give where the next chunk ends: with the line in which it is large enough, or in it if that is too long."""
        line_end = self._open.find(b"\n", CHUNK - 1, 2 * CHUNK) + 1
        return line_end or (2 * CHUNK if len(self._open) >= 2 * CHUNK else None)

    def _chunk(self, size: int) -> Chunk:
        data = bytes(memoryview(self._open)[:size])
        del self._open[:size]
        return Chunk(*self._key, data)
