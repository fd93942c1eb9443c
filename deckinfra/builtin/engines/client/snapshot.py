"""A point in time of a schema: one run of the server's own dump tool, in one transaction.

The tool gives the tables. Views, triggers, routines and events are taken down by :mod:`deckinfra.mysql.objects` and
kept as a part of their own, since the tools' way with them has faults that show at a restore: a view that calls a
function has the old schema's name in it, and an event runs as soon as it is loaded. None of these takes part in
transactions, so they are looked at before the dump and again after it, with the definitions of the tables: if anything
differs, there is no snapshot. Nor is there one if our own look at the tables tells of others, or of other rows: see
:mod:`.witness`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from deckinfra.core.documents import decode, encode
from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError, RefusedError
from deckinfra.mysql import ObjectSet, Server, Session, crossing_foreign_keys
from deckinfra.mysql.survey import Survey, default_facts, object_facts, refuse_blindness, refuse_settings
from deckinfra.mysql.tables import default_of, misprinted_foreign_keys, rows_elsewhere
from deckinfra.ports import MAX_CHUNK, Chunk, SnapshotReader

from .limits import refuse_names, warnings
from .losses import losses
from .sections import FRAME, Chunker, Splitter
from .stream import DumpStream, dumping
from .tally import Tally
from .tools import MAX_PACKET, Tools
from .witness import Moment, moment, refuse_difference

OBJECTS: Final = "objects"
"""The kind of the part that holds views, triggers, routines and events, as JSON."""

_ROOM: Final = 64 * 1024


@dataclass(frozen=True)
class Start:
    """A dump whose point in time is held: what was there before, what it gave so far, and what we see of the rows."""

    survey: Survey
    stream: DumpStream
    pieces: Sequence[bytes]
    before: Moment
    after: Moment


class ClientSnapshot:
    """Implements :class:`deckinfra.ports.Snapshot` over the output of a dump tool. Made by :func:`taken`."""

    def __init__(self, server: Server, schema: str, start: Start, about: Mapping[str, Any]) -> None:
        self._server = server
        self._schema = schema
        self._start = start
        self._survey = start.survey
        self._stream = start.stream
        self._tally = Tally(by_rows_in(about))
        self.size = start.survey.size
        self.revisions: tuple[str, ...] = ()
        self.details = about

    def chunks(self) -> Iterator[Chunk]:
        """Give the dump, table by table, and what belongs around it.

        The last chunk comes when it is known that the tool ended well, that nobody changed the schema meanwhile, and
        that the dump has what we see: else that is a :class:`DatabaseError`.
        """
        splitter, chunker, order = Splitter(), Chunker(), Order()
        for run in splitter.runs(chain(self._start.pieces, self._stream.pieces())):
            self._tally.add(run)
            yield from order.checked(chunker.add(run))
        yield from order.checked(chunker.end())
        refuse_long(splitter.longest)
        with self._server.connect() as session:
            self._survey.refuse_changes(Survey.of(session, self._server, self._schema))
            self._refuse_difference(session)
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

    def _refuse_difference(self, session: Session) -> None:
        dumped = self._tally.rows()
        left_out = set(rows_elsewhere(session, self._schema))
        own = [name for name in self._survey.definitions if name not in left_out]
        refuse_difference(
            own,
            {name: rows for name, rows in dumped.items() if name not in left_out},
            self._start.before,
            self._start.after,
        )


@contextmanager
def taken(server: Server, schema: str, tools: Tools) -> Iterator[ClientSnapshot]:
    """Start a dump of ``schema``, and hold its point in time while the context is open.

    :class:`RefusedError` where it could not be whole, or could not be restored.
    """
    with server.connect() as session:
        refuse_settings(session)
        if default_of(session, schema) is not None:
            refuse_blindness(session, schema)
        refuse_names(session, schema)
        survey = Survey.of(session, server, schema)
        _refuse_foreign_keys(session, schema)
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
        unsteady = sorted({*survey.locking} - {*rows_elsewhere(session, schema)})
    command = tools.dump(schema, leave_out=survey.views, locked=bool(survey.locking))
    with ExitStack() as stack:
        before = stack.enter_context(moment(server, schema, unsteady, earlier=True))
        stream = stack.enter_context(dumping(tools, command))
        pieces = _until_tables(stream.pieces())
        after = stack.enter_context(moment(server, schema, unsteady, earlier=False))
        lost = losses(after, schema, server.vendor)
        details["by_rows"] = lost.by_rows
        details["warnings"] += lost.warnings
        yield ClientSnapshot(server, schema, Start(survey, stream, pieces, before, after), details)


def by_rows_in(details: Mapping[str, Any]) -> Mapping[str, Collection[str]]:
    """Give the tables that are compared row by row, in any order, and what is not compared: see :mod:`.losses`."""
    found: Mapping[str, Collection[str]] = details.get("by_rows", {})
    return found


def objects_in(source: SnapshotReader) -> ObjectSet:
    """Give the views, triggers, routines and events of a stored snapshot; a :class:`DamagedError` otherwise."""
    what = "the snapshot"
    document = b"".join(data for part in source.parts if part.facts.kind == OBJECTS for data in source.read(part))
    return ObjectSet.from_document(decode(document, what), what)


def found_in(
    server: Server, schema: str, tools: Tools, by_rows: Mapping[str, Collection[str]], like: ObjectSet
) -> Sequence[Facts]:
    """Give the facts of a schema that nobody writes to, found in the same way as a snapshot's, which has ``like``."""
    tally, splitter = Tally(by_rows), Splitter()
    with server.connect() as session:
        survey = Survey.of(session, server, schema).told_as(like)
    with dumping(tools, tools.dump(schema, leave_out=survey.views, locked=bool(survey.locking))) as stream:
        for run in splitter.runs(stream.pieces()):
            tally.add(run)
    return _facts(tally, survey)


class Order:
    """Sees to it that chunks of one part follow each other: that is the order in which parts are put together again."""

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._seen: set[tuple[str, str]] = set()

    def checked(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass chunks on; :class:`DatabaseError` at one of a part that ended before."""
        for chunk in chunks:
            key = (chunk.kind, chunk.name)
            if key != self._last and key in self._seen:
                raise DatabaseError(
                    f"the dump comes back to {chunk.kind} '{chunk.name}' after others, and could not be put together",
                    hint="No backup was made. Has a table an expression or a comment with a line break in it, and "
                    "then what a dump tool writes before a table? Change that, then run it again.",
                )
            self._seen.add(key)
            self._last = key
            yield chunk


def refuse_long(longest: int) -> None:
    """Raise :class:`DatabaseError` if a statement of a dump is longer than any server takes."""
    if packet_for(longest) > MAX_PACKET:
        raise DatabaseError(
            f"a row takes a statement of {longest:,} bytes, and no server takes more than {MAX_PACKET:,} in one",
            hint="No backup was made: it could not be loaded. A value in a dump takes up to twice its size; make the "
            "row smaller, as by cutting a LONGBLOB in two.",
        )


def packet_for(longest: int) -> int:
    """Give the server's limit of a packet, a whole number of mebibytes, that lets a statement of that size through."""
    mebibyte = 1024 * 1024
    return -(-(longest + _ROOM) // mebibyte) * mebibyte


def _facts(tally: Tally, survey: Survey) -> Sequence[Facts]:
    return [*tally.facts(), *object_facts(survey.restorable), default_facts(survey.default)]


def _refuse_foreign_keys(session: Session, schema: str) -> None:
    """Raise :class:`RefusedError` for those that a restore would tear apart, or that nobody could make again."""
    if crossing := crossing_foreign_keys(session, schema):
        problem = (
            f"a restore of {session.url.with_database(schema)} would tear apart what foreign keys hold together across "
            f"two schemas: {', '.join(crossing)}"
        )
        advice = "Drop the foreign key, or move the table."
    elif misprinted := misprinted_foreign_keys(session, schema):
        problem = (
            f"MariaDB prints names with a backtick in a foreign key so that no server reads them: "
            f"{', '.join(misprinted)}, or a column of it"
        )
        advice = (
            "Give the key a name without any (ALTER TABLE ... DROP FOREIGN KEY ..., ADD CONSTRAINT ...), or the column "
            "(... RENAME COLUMN ...)."
        )
    else:
        return
    raise RefusedError(problem, hint=f"No backup was made, since it could not be restored. {advice}")


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
