"""A point in time of a schema: one run of the server's own dump tool, in one transaction.

The tool gives the tables. Views, triggers, routines and events are taken down by :mod:`deckinfra.mysql.objects` and
kept as a part of their own, since the tools' way with them has faults that show at a restore: a view that calls a
function has the old schema's name in it, and an event runs as soon as it is loaded. None of these takes part in
transactions, so they are looked at before the dump and again after it, with the definitions of the tables: if anything
differs, there is no snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

from deckinfra.core.documents import encode
from deckinfra.core.manifest import Facts
from deckinfra.mysql import Server, Session
from deckinfra.ports import MAX_CHUNK, Chunk

from .sections import FRAME, Chunker, Splitter
from .stream import DumpStream, dumping
from .survey import Survey, default_facts, object_facts, warnings
from .tally import Tally
from .tools import Tools

OBJECTS: Final = "objects"
"""The kind of the part that holds views, triggers, routines and events, as JSON."""

_ROOM: Final = 64 * 1024


class ClientSnapshot:
    """Implements :class:`deckinfra.ports.Snapshot` over the output of a dump tool. Made by :func:`taken`."""

    def __init__(
        self, server: Server, schema: str, survey: Survey, stream: DumpStream, about: Mapping[str, Any]
    ) -> None:
        self._server = server
        self._schema = schema
        self._survey = survey
        self._stream = stream
        self._tally = Tally()
        self._pieces = stream.pieces()
        self._first = _until_tables(self._pieces)
        self.size = survey.size
        self.revisions: tuple[str, ...] = ()
        self.details = about

    def chunks(self) -> Iterator[Chunk]:
        """Give the dump, table by table, and what belongs around it.

        The last chunk comes when it is known that the tool ended well, and that nobody changed the schema meanwhile:
        else that is a :class:`DatabaseError`.
        """
        splitter, chunker = Splitter(), Chunker()
        for run in splitter.runs(chain(self._first, self._pieces)):
            self._tally.add(run)
            yield from chunker.add(run)
        yield from chunker.end()
        with self._server.connect() as session:
            self._survey.refuse_changes(Survey.of(session, self._server, self._schema))
            further = [*self._stream.warnings, *_long_line_warnings(session, splitter.longest)]
        warnings = [*self.details["warnings"], *further]
        self.details = {**self.details, "longest_statement": splitter.longest, "warnings": warnings}
        self.revisions = self._tally.revisions()
        document = encode(self._survey.restorable.document())
        for start in range(0, len(document), MAX_CHUNK):
            yield Chunk(OBJECTS, "schema", document[start : start + MAX_CHUNK])

    def facts(self) -> Sequence[Facts]:
        """Give what the dump and the server tell of tables, views, triggers, routines and events."""
        return _facts(self._tally, self._survey)


@contextmanager
def taken(server: Server, schema: str, tools: Tools) -> Iterator[ClientSnapshot]:
    """Start a dump of ``schema``, and hold its point in time while the context is open."""
    with server.connect() as session:
        survey = Survey.of(session, server, schema)
        details = {
            "vendor": server.vendor,
            "version": server.version,
            "tool": tools.about,
            "charset": survey.default.charset,
            "collation": survey.default.collation,
            "sql_mode": session.query("SELECT @@GLOBAL.sql_mode")[0][0],
            "held_by": "locks" if survey.locking else "transaction",
            "warnings": warnings(session, schema, survey),
        }
    with dumping(tools, tools.dump(schema, leave_out=survey.views, locked=bool(survey.locking))) as stream:
        yield ClientSnapshot(server, schema, survey, stream, details)


def found_in(server: Server, schema: str, tools: Tools) -> Sequence[Facts]:
    """Give the facts of a schema that nobody writes to, found in the same way as a snapshot's."""
    tally, splitter = Tally(), Splitter()
    with server.connect() as session:
        survey = Survey.of(session, server, schema)
    with dumping(tools, tools.dump(schema, leave_out=survey.views, locked=bool(survey.locking))) as stream:
        for run in splitter.runs(stream.pieces()):
            tally.add(run)
    return _facts(tally, survey)


def packet_for(longest: int) -> int:
    """Give the server's limit of a packet, a whole number of mebibytes, that lets a statement of that size through."""
    mebibyte = 1024 * 1024
    return -(-(longest + _ROOM) // mebibyte) * mebibyte


def _facts(tally: Tally, survey: Survey) -> Sequence[Facts]:
    return [*tally.facts(), *object_facts(survey.restorable), default_facts(survey.default)]


def _until_tables(pieces: Iterator[bytes]) -> list[bytes]:
    """Read until the dump has come to its first table, or to its foot.

    The tools write of a table when their transaction has begun, or their locks are held: from here on, the point in
    time is held still.
    """
    splitter, read = Splitter(), []
    for piece in pieces:
        read.append(piece)
        if any(run.section.kind != FRAME or run.section.name != "head" for run in splitter.feed(piece)):
            break
    return read


def _long_line_warnings(session: Session, longest: int) -> Iterator[str]:
    allowed = int(session.query("SELECT @@GLOBAL.max_allowed_packet")[0][0])
    if longest and packet_for(longest) > allowed:
        yield (
            f"a row takes a statement of {longest:,} bytes, and this server takes up to {allowed:,}: "
            f"before a restore, run SET GLOBAL max_allowed_packet = {packet_for(longest)}"
        )
