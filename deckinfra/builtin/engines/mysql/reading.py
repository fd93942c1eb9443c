"""Reading ranges in parallel, and giving their chunks as they come.

Each connection is read by a thread of its own, which takes the next range when it is done with one. Between them and
whoever takes the chunks is little room, so that memory is bounded: a thread waits with its chunk until there is some.
None waits for another: a table of one long range keeps nobody from reading the rest. The socket, the codec, and the
checksum all let go of the interpreter.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final, Self

from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Session
from deckinfra.mysql.server import STATEMENT_LIMIT
from deckinfra.system.priority import give_way

from .codec import Encode
from .parallel import cut
from .point import passing
from .ranges import Range
from .rows import Lines, RowReader

TABLE: Final = "rows"
"""The kind of the part with all rows of a table."""

RANGE: Final = "range"
"""The kind of a part with some rows of a table: its name is the table's, a space, and where its range begins."""

_ROOM: Final = 16 * 1024 * 1024
"""How many bytes of chunks wait to be taken, beside one that each thread has in hand."""

_PATIENCE: Final = 24 * 3600
"""Seconds that the server waits for us to take more of an answer."""

_MODULUS: Final = 2**256
_JOIN_LIMIT: Final = 60.0
_LIMIT: Final = STATEMENT_LIMIT + _JOIN_LIMIT
"""Seconds to wait for a chunk: longer than a connection waits for the server's next bytes."""


def key_of(part: Range) -> tuple[str, str]:
    """Give the kind and the name of the part of a snapshot that a range is."""
    if part.is_whole:
        return TABLE, part.shape.name
    return RANGE, f"{part.shape.name} {'' if part.low is None else part.low}"


def table_of(facts: Facts) -> str:
    """Give the table that facts are of."""
    return facts.name.rpartition(" ")[0] if facts.kind == RANGE else facts.name


class Checksum:
    """A checksum of rows: SHA-256 of their text where they have an order; else the sum of the SHA-256 of each.

    A sum, since rows that are there twice would not count in an XOR.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._hash = hashlib.sha256()
        self._sum = 0

    def add(self, lines: Lines) -> None:
        """Take the next lines, or the next piece of a long one."""
        if self._ordered or not lines.rows:
            self._hash.update(lines.data)
            return
        for line in _lines(lines.data):
            self._hash.update(line)
            self._sum += int.from_bytes(self._hash.digest())
            self._hash = hashlib.sha256()

    def hexdigest(self) -> str:
        """Give it, when all lines were taken."""
        return self._hash.hexdigest() if self._ordered else f"{self._sum % _MODULUS:064x}"


class ParallelReader:
    """Reads ``ranges`` through ``sessions``, which are its own from then on. Within its context it may be read once.

    What is ``apart``, a session and names of tables, is read by nobody else, and that session reads nothing else: it
    may hold locks that others wait for. If ``patient``, all the others give way to other programs on this machine.

    With the context end its threads, and the connections of those that are not done.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        encode: Encode,
        schema: str,
        ranges: Sequence[Range],
        *,
        apart: tuple[Session, Container[str]] | None = None,
        patient: bool = False,
    ) -> None:
        alone, tables = apart or (None, ())
        numbers = range(len(ranges))
        theirs = deque(number for number in numbers if ranges[number].shape.name not in tables)
        self._queues = [(session, theirs) for session in sessions]
        if alone:
            self._queues.append((alone, deque(number for number in numbers if ranges[number].shape.name in tables)))
        self._sessions = [session for session, _ in self._queues]
        self._patient = sessions if patient else ()
        self._encode = encode
        self._schema = schema
        self._ranges = ranges
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._left = len(ranges)
        self._waiting: deque[tuple[Range, bytes]] = deque()
        self._held = 0
        self._ended = False
        self._failed: BaseException | None = None
        self._facts: list[Facts | None] = [None] * len(ranges)
        self._warnings: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            is_whole = not self._left and self._failed is None
            self._ended = True
            self._changed.notify_all()
        if not is_whole:
            cut(self._sessions)
        for thread in self._threads:
            thread.join(_JOIN_LIMIT)

    @property
    def facts(self) -> list[Facts]:
        """The facts of all ranges that were read to their end."""
        return [fact for fact in self._facts if fact is not None]

    @property
    def rows(self) -> Mapping[str, int]:
        """How many rows each table has whose ranges were read to their end."""
        found = dict.fromkeys((part.shape.name for part in self._ranges), 0)
        for part, fact in zip(self._ranges, self._facts, strict=True):
            found[part.shape.name] += (fact.rows if fact else None) or 0
        return found

    @property
    def warnings(self) -> list[str]:
        """What the server warned of while all was read: see :class:`.rows.RowReader`."""
        return sorted(self._warnings)

    def chunks(self) -> Iterator[tuple[Range, bytes]]:
        """Give all chunks: those of one range in order, and those of several as they come.

        Raises what reading raised first, and :class:`DatabaseError` where nothing came for very long.
        """
        self._threads = [threading.Thread(target=self._work, args=each, daemon=True) for each in self._queues]
        for thread in self._threads:
            thread.start()
        while (found := self._take()) is not None:
            yield found
        # From here on, whoever has the point in time may use its sessions.
        for thread in self._threads:
            thread.join(_JOIN_LIMIT)

    def _take(self) -> tuple[Range, bytes] | None:
        """Give the next chunk, or None if that was all."""
        with self._changed:
            is_there = self._changed.wait_for(
                lambda: self._failed is not None or self._waiting or not self._left, _LIMIT
            )
            if self._failed is not None:
                raise self._failed
            if not is_there:
                raise DatabaseError(
                    f"nothing was read of {self._sessions[0].url} for {_LIMIT:,.0f} s",
                    hint="No backup was made. Is the server, or the way to it, stuck? Look at its log, then run it "
                    "again.",
                )
            if not self._waiting:
                return None
            part, data = self._waiting.popleft()
            self._held -= len(data)
            self._changed.notify_all()
            return part, data

    def _work(self, session: Session, queue: deque[int]) -> None:
        if session in self._patient:
            give_way()
        try:
            # The server waits for us as long as we do for whoever takes the chunks, and no rows are lost meanwhile.
            session.execute(f"SET SESSION net_write_timeout = {_PATIENCE}")
            reader = RowReader(session, self._encode)
            while (number := self._begin(queue)) is not None:
                part = self._ranges[number]
                checksum, rows = Checksum(ordered=bool(part.shape.key)), 0
                with passing(session):
                    for lines in reader.read(part.query(self._schema)):
                        checksum.add(lines)
                        rows += lines.rows
                        if not self._give(part, lines.data):
                            return
                self._finish(number, Facts(*key_of(part), rows, checksum.hexdigest()), reader.warnings)
        except BaseException as error:  # it is raised where the chunks are taken
            with self._changed:
                self._failed = self._failed or error
                self._changed.notify_all()

    def _begin(self, queue: deque[int]) -> int | None:
        """Give the number of the next range; None if there is nothing more to do."""
        with self._changed:
            return None if self._is_over() or not queue else queue.popleft()

    def _give(self, part: Range, data: bytes) -> bool:
        """Hand a chunk over, when there is room for it; False if nobody wants any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over() or not self._held or self._held + len(data) <= _ROOM)
            if self._is_over():
                return False
            self._waiting.append((part, data))
            self._held += len(data)
            self._changed.notify_all()
            return True

    def _finish(self, number: int, fact: Facts, warnings: Iterable[str]) -> None:
        with self._changed:
            self._facts[number] = fact
            self._warnings.update(warnings)
            self._left -= 1
            self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._ended or self._failed is not None


def _lines(data: bytes) -> list[bytes]:
    """Cut at the ends of lines only: a carriage return stands for itself."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]]
