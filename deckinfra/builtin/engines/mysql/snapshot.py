"""A point in time of a schema, read by several connections: its tables' rows as text, and all else as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import Facts
from deckinfra.core.names import unknown_name
from deckinfra.errors import DatabaseError, RefusedError
from deckinfra.mysql import ObjectSet, Server, Session, crossing_foreign_keys
from deckinfra.mysql.faults import NO_SUCH_TABLE, code_of
from deckinfra.mysql.names import qualified
from deckinfra.mysql.survey import Survey, default_facts, object_facts, refuse_blindness, refuse_settings
from deckinfra.mysql.tables import default_of, rows_elsewhere, size
from deckinfra.ports import ALL_TABLES, MAX_CHUNK, VERSION_TABLE, Chunk, SnapshotReader, Tables

from .accounts import ACCOUNTS, document_of
from .codec import Codec
from .ddl import fact_of_table
from .documents import has_documents, notices
from .holders import accounts_of
from .notices import of_point, of_schema
from .point import Point, held, passing
from .ranges import bounds_of, ranges_of
from .reading import ParallelReader, key_of
from .shape import Shape, shapes_in
from .texts import TextWatch

SCHEMA: Final = "schema"
"""The kind of the parts with what is not rows, as JSON: ``tables``, ``objects``, and on request ``accounts``."""

_WHAT: Final = "the snapshot"
_CHANGED: Final = {NO_SUCH_TABLE, 1054, 1176, 1412}
"""No such table, column, or key; and ``ER_TABLE_DEF_CHANGED``: a table is newer than the point in time."""


class MysqlSnapshot:
    """Implements :class:`deckinfra.ports.Snapshot`. Made by :func:`taken`."""

    def __init__(
        self,
        server: Server,
        schema: str,
        survey: Survey,
        shapes: Sequence[Shape],
        reader: ParallelReader,
        *,
        point: Point,
        watch: TextWatch,
        accounts: Mapping[str, Any] | None,
    ) -> None:
        self._server = server
        self._schema = schema
        self._survey = survey
        self._shapes = shapes
        self._reader = reader
        self._point = point
        self._watch = watch
        self._accounts = accounts
        self.size = survey.size
        self.revisions: tuple[str, ...] = ()
        self.details: Mapping[str, Any] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Give all; :class:`DatabaseError` at the end if it was not held still, or the schema was changed meanwhile."""
        yield from _document("tables", {"tables": [shape.document(self._server.vendor) for shape in self._shapes]})
        yield from _document("objects", self._survey.restorable.document())
        if self._accounts is not None:
            yield from _document(ACCOUNTS, self._accounts)
        with _noticing_changes():
            for part, data in self._reader.chunks():
                self._watch.see(part, data)
                kind, name = key_of(part)
                yield Chunk(kind, name, data)
            self._watch.refuse_unsound(self._point.session_for)
        self._point.check()
        with self._server.connect() as session:
            self._survey.refuse_changes(Survey.of(session, self._server, self._schema))
        self.details = {**self.details, "warnings": [*self.details["warnings"], *self._reader.warnings]}

    def facts(self) -> Sequence[Facts]:
        """Give of each table its rows and its definition's checksum; then its parts', and all other objects'."""
        return facts_of(self._survey, self._shapes, self._reader)


def facts_of(survey: Survey, shapes: Sequence[Shape], reader: ParallelReader) -> Sequence[Facts]:
    """Give the facts of a schema, all of which was read."""
    rows = reader.rows
    tables = [fact_of_table(shape.name, rows.get(shape.name), shape.definition) for shape in shapes]
    return [*tables, *reader.facts, *object_facts(survey.restorable), default_facts(survey.default)]


def described(source: SnapshotReader) -> tuple[list[Shape], ObjectSet]:
    """Give the tables of a stored snapshot, and what stands around them; a :class:`DamagedError` otherwise."""
    tables, objects = (documented(source, name) for name in ("tables", "objects"))
    shapes = [Shape.parse(each, _WHAT) for each in field_of(tables, "tables", list, _WHAT)]
    return shapes, ObjectSet.from_document(objects, _WHAT)


@contextmanager
def taken(
    server: Server,
    schema: str,
    codec: Codec,
    connections: int,
    tables: Tables = ALL_TABLES,
    *,
    accounts: bool = False,
) -> Iterator[MysqlSnapshot]:
    """Hold one point in time of ``schema`` while the context is open, of which only the rows of ``tables`` are read.

    With ``accounts``, it has those too that use the schema; see :mod:`.holders`.
    :class:`RefusedError` where a backup could not be whole, or could not be restored; :class:`UnknownNameError` where
    ``tables`` name one that is not there.
    """
    with _noticing_changes(), server.connect() as session:
        refuse_settings(session)
        if default_of(session, schema) is not None:
            refuse_blindness(session, schema)
        survey = Survey.of(session, server, schema)
        _refuse_crossing(session, schema)
        shapes = shapes_in(session, schema, sorted(survey.definitions))
        elsewhere = rows_elsewhere(session, schema)
        warnings = of_schema(session, schema, survey, shapes)
        using = None
        if accounts:
            found, left_out = accounts_of(session, server, schema, (each.definer for each in survey.objects.objects))
            using, warnings = document_of(found), [*warnings, *left_out]
        size_on_disk = size(session, schema)
        watch, sizes = TextWatch(session, server, schema, shapes), _sizes(session, schema)
        mode, zone = session.query("SELECT @@GLOBAL.sql_mode, @@GLOBAL.time_zone")[0]
    for name in sorted(tables.named - {shape.name for shape in shapes}):
        raise unknown_name("table", name, [shape.name for shape in shapes], hint="No backup was made.")
    without = [shape.name for shape in shapes if shape.name not in tables and shape.name not in elsewhere]
    own = [shape for shape in shapes if shape.name not in (*elsewhere, *without)]
    names = [shape.name for shape in own]
    unsteady = [name for name in survey.locking if name in names]
    with _noticing_changes(), held(server, schema, tables=names, unsteady=unsteady, connections=connections) as point:
        with passing(point.sessions[0]):
            bounds = {
                shape.name: bounds_of(point.session_for(shape.name), schema, shape, sizes.get(shape.name, 0))
                for shape in own
            }
            warnings += [
                notice
                for shape in own
                if has_documents(shape, server.vendor)
                for notice in notices(point.session_for(shape.name), schema, shape)
            ]
            versioned = VERSION_TABLE in (*names, *without)
            revisions = _revisions(point.session_for(VERSION_TABLE), schema) if versioned else ()
        # The largest first: one that comes last is read by one connection while the others have nothing to do.
        largest = sorted(own, key=lambda shape: -sizes.get(shape.name, 0))
        ranges = [each for shape in largest for each in ranges_of(shape, bounds[shape.name])]
        reader = ParallelReader(
            point.sessions,
            codec.encode,
            schema,
            ranges,
            apart=(point.lock, unsteady) if unsteady else None,
            patient=True,
        )
        snapshot = MysqlSnapshot(server, schema, survey, shapes, reader, point=point, watch=watch, accounts=using)
        snapshot.revisions = revisions
        snapshot.details = {
            "vendor": server.vendor,
            "version": server.version,
            "charset": survey.default.charset,
            "collation": survey.default.collation,
            "sql_mode": mode,
            "time_zone": zone,
            "codec": codec.name,
            "on_disk": size_on_disk,
            "held_by": point.held,
            "guarded": point.guarded,
            "position": point.position,
            "bounds": {name: list(found) for name, found in bounds.items() if found},
            "without_rows": without,
            "warnings": [*warnings, *of_point(point, connections, unsteady)],
        }
        # Whoever reads may fail and still hold on to what gives the chunks: then the reading ends here.
        with reader:
            yield snapshot


@contextmanager
def _noticing_changes() -> Iterator[None]:
    """Say what it means when there is no more what there was a moment ago, or not as it was then."""
    try:
        yield
    except DatabaseError as error:
        if code_of(error) not in _CHANGED:
            raise
        raise DatabaseError(
            f"the schema was changed while it was read: {error}",
            hint="No backup was made, since it might hold something of both. Run it again when that is done.",
        ) from error


def _document(name: str, document: Mapping[str, Any]) -> Iterator[Chunk]:
    data = encode(document)
    for start in range(0, len(data), MAX_CHUNK):
        yield Chunk(SCHEMA, name, data[start : start + MAX_CHUNK])


def documented(source: SnapshotReader, name: str) -> Mapping[str, Any]:
    """Read one of the parts of the kind :data:`SCHEMA` back; a :class:`DamagedError` otherwise."""
    parts = [part for part in source.parts if (part.facts.kind, part.facts.name) == (SCHEMA, name)]
    return decode(b"".join(data for part in parts for data in source.read(part)), _WHAT)


def _revisions(session: Session, schema: str) -> tuple[str, ...]:
    rows = session.query(f"SELECT version_num FROM {qualified(schema, VERSION_TABLE)} ORDER BY 1")  # noqa: S608
    return tuple(str(revision) for (revision,) in rows)


def _sizes(session: Session, schema: str) -> dict[str, int]:
    rows = session.query(
        "SELECT TABLE_NAME, COALESCE(DATA_LENGTH, 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema
    )
    return {name: int(size) for name, size in rows}


def _refuse_crossing(session: Session, schema: str) -> None:
    crossing = crossing_foreign_keys(session, schema)
    if crossing:
        raise RefusedError(
            f"a restore of {session.url.with_database(schema)} would tear apart what foreign keys hold together across "
            f"two schemas: {', '.join(crossing)}",
            hint="No backup was made, since it could not be restored. Drop the foreign key, or move the table.",
        )
