"""A restored schema beside the live one: tables first, then rows in parallel, then keys, then what stands on tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from threading import Lock
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.core.manifest import Facts, Part
from deckinfra.core.names import unknown_name
from deckinfra.errors import DamagedError, DatabaseError, RefusedError
from deckinfra.mysql import Moving, ObjectSet, Scratch, Server, Session
from deckinfra.mysql.apply import clear
from deckinfra.mysql.faults import ACCESS_DENIED, code_of
from deckinfra.mysql.names import qualified, quoted
from deckinfra.mysql.server import STATEMENT_LIMIT
from deckinfra.mysql.survey import Survey
from deckinfra.mysql.tables import rows_elsewhere
from deckinfra.ports import ALL_TABLES, Need, SnapshotReader, Tables

from .accounts import ACCOUNTS, Account, accounts_from
from .codec import Encode
from .ddl import Definition, taken_apart
from .documents import alike, has_documents
from .inserting import insert
from .loading import load, takes_local_files, takes_turns
from .parallel import patiently, spread
from .preflight import Preflight
from .ranges import Range, ranges_of
from .reading import RANGE, TABLE, ParallelReader, key_of, table_of
from .rows import RowReader
from .shape import Shape, shapes_in
from .snapshot import SCHEMA, described, documented, facts_of

LIMIT: Final = 24 * STATEMENT_LIMIT
"""Seconds that loading a part, or adding the keys of a table, may take."""

_OF_TABLES: Final = frozenset({"table", TABLE, RANGE})
_WORD: Final = re.compile(r"\w+\Z", re.ASCII)
_WHAT: Final = "the snapshot"
_NOT_TO_BE_SET: Final = frozenset({1193, 1238})
"""No such variable, and none that a session can set, on that server."""

_MODE: Final = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"
"""The mode for loading. It is not a strict one: what a server took once under another, it is to take again."""

_SORTING: Final = 32 * 1024 * 1024
"""Bytes that MySQL has for sorting a key: with its default, 1 MiB, adding keys takes up to three times as long."""

_PERMISSIVE: Final = {
    "mysql": (
        *("innodb_strict_mode = 0", "sql_require_primary_key = 0", "sql_generate_invisible_primary_key = 0"),
        *(f"innodb_ddl_buffer_size = {_SORTING}", "explicit_defaults_for_timestamp = 1"),
    ),
    "mariadb": (
        *("innodb_strict_mode = 0", "check_constraint_checks = 0", "max_statement_time = 0"),
        "explicit_defaults_for_timestamp = 1",
        *("system_versioning_insert_history = 1", "system_versioning_alter_history = KEEP"),
    ),
}
_UNCHECKED: Final = {
    "mysql": "SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0",
    # With both off it locks an empty table whole for who comes first, and takes about twice as long over its rows.
    "mariadb": "SET SESSION foreign_key_checks = 0, SESSION unique_checks = 1",
}


class MysqlShadow:
    """Implements :class:`deckinfra.ports.SelectiveShadow`, and a careful one, over a schema that is not live."""

    def __init__(
        self,
        server: Server,
        scratch: Scratch,
        encode: Encode,
        preflight: Preflight,
        *,
        connections: int,
        tables: Tables = ALL_TABLES,
        accounts: bool = False,
    ) -> None:
        self._server = server
        self._preflight = preflight
        self._encode = encode
        self._connections = connections
        self._tables = tables
        self._with_accounts = accounts
        self._without: frozenset[str] = frozenset()
        self._bounds: Mapping[str, Sequence[int]] = {}
        self._shapes: Sequence[str] = ()
        self._source: SnapshotReader | None = None
        self._parts: Mapping[tuple[str, str], Part] = {}
        self.scratch = scratch
        self.url = server.url.with_database(scratch.name)
        self.objects = ObjectSet()
        self.accounts: tuple[Account, ...] = ()

    def needs(self, source: SnapshotReader) -> Sequence[Need]:
        """Look at what the server has and lets the account do; see :mod:`.preflight`."""
        if list(self._preflight.misfits(source.details)):
            return list(self._preflight.misfits(source.details))
        shapes, objects = self._taken(source)
        chosen, whole = {shape.name for shape in shapes}, sum(part.size for part in source.parts)
        wanted = sum(part.size for part in source.parts if table_of(part.facts) in chosen)
        size = int(field_of(source.details, "on_disk", int, _WHAT) * wanted / whole) if whole else 0
        is_all = self._tables.are_all
        return list(self._preflight.needs(size, shapes, objects, self._accounts_in(source), is_all=is_all))

    def load(self, source: SnapshotReader) -> None:
        """Make the tables, load their rows, add their keys, then make views, triggers, routines and events.

        The events are made so that they do not run. A snapshot of another vendor's server, or of a newer one, is a
        :class:`RefusedError`; what the server will not take is a :class:`DatabaseError` with its words.
        """
        self._refuse_misfit(source.details)
        self._bounds = _bounds(source.details)
        shapes, self.objects = self._taken(source)
        self.accounts = self._accounts_in(source)
        self._set_default(source.details)
        self._source = source
        self._parts = {(part.facts.kind, part.facts.name): part for part in source.parts}
        self._shapes = tuple(shape.name for shape in shapes)
        definitions = {shape.name: taken_apart(shape.definition, shape.engine) for shape in shapes}
        with self._connect() as session:
            for shape in shapes:
                patiently(partial(session.execute, definitions[shape.name].create))
        self._load_rows(source, {shape.name: shape for shape in shapes}, definitions)
        with self._connect() as session:
            for shape in shapes:
                _add(session, self.scratch.name, shape.name, definitions[shape.name].foreign_keys)
            session.settle()
            patiently(partial(self._make_objects, session))

    def _make_objects(self, session: Session) -> None:
        clear(session, self.scratch.name)
        self.objects.create(session, self.scratch.name, events=False)

    def facts(self) -> Sequence[Facts]:
        """Read the schema as a snapshot is read, and give what that tells."""
        schema = self.scratch.name
        with ExitStack() as stack:
            session = stack.enter_context(self._server.connect())
            survey = Survey.of(session, self._server, schema).told_as(self.objects)
            shapes = shapes_in(session, schema, sorted(survey.definitions))
            elsewhere = rows_elsewhere(session, schema)
            sizes = Counter[str]()
            for part in self._parts.values():
                sizes[table_of(part.facts)] += part.size
            ranges = [
                each
                for shape in sorted(shapes, key=lambda shape: -sizes[shape.name])
                if shape.name not in elsewhere and shape.name not in self._without
                for each in ranges_of(shape, tuple(self._bounds.get(shape.name, ())))
            ]
            named = {key_of(each): each for each in ranges}
            readers = [stack.enter_context(self._server.connect()) for _ in range(self._connections)]
            reader = stack.enter_context(ParallelReader(readers, self._encode, schema, ranges))
            for _ in reader.chunks():
                pass
            found = self.expected(facts_of(survey, shapes, reader))
            again = RowReader(stack.enter_context(self._server.connect(limit=LIMIT)), self._encode)
            return [self._pardoned(each, named.get((each.kind, each.name)), again) for each in found]

    def expected(self, facts: Sequence[Facts]) -> Sequence[Facts]:
        """Give those of a snapshot's facts that this shadow's own are to be compared with."""
        if self._tables.are_all:
            return facts
        return [each for each in facts if each.kind in _OF_TABLES and table_of(each) in self._tables]

    @property
    def moving(self) -> Moving:
        """Which tables change places when it is swapped in."""
        if self._tables.are_all:
            return Moving(but=self._without)
        return Moving(frozenset(self._shapes), around=False)

    # ---------------------------------------------------------------------------------------------

    def _chosen(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Give the tables that are meant; what cannot be had of them is an error."""
        names = [shape.name for shape in shapes]
        for name in sorted(self._tables.named):
            if name not in names:
                raise unknown_name("table", name, names, hint="The snapshot has no such one; nothing was changed.")
        chosen = [shape for shape in shapes if shape.name in self._tables]
        for shape in chosen:
            if shape.name in self._without:
                raise RefusedError(
                    f"the snapshot has no rows of table {shape.name}, which it was asked to leave out",
                    hint="Nothing was changed. 'invoke db.backups' lists the others.",
                )
        return chosen

    def _pardoned(self, found: Facts, place: Range | None, reader: RowReader) -> Facts:
        """Give the facts that the snapshot has of some rows, if these differ only in what text does not carry."""
        part = self._parts.get((found.kind, found.name))
        if part is None or place is None or not has_documents(place.shape, self._server.vendor):
            return found
        if part.facts.checksum == found.checksum or part.facts.rows != found.rows or self._source is None:
            return found
        there = (each.data for each in reader.read(place.query(self.scratch.name)))
        return part.facts if alike(place.shape, self._source.read(part), there) else found

    def _load_rows(
        self, source: SnapshotReader, shapes: Mapping[str, Shape], definitions: Mapping[str, Definition]
    ) -> None:
        """Load all parts with rows, of the largest tables first, and add a table's keys when all of its are there."""
        parts = [part for part in source.parts if part.facts.kind in {TABLE, RANGE}]
        parts = [part for part in parts if table_of(part.facts) in self._tables]
        if any(table_of(part.facts) not in shapes for part in parts):
            raise DamagedError(f"{_WHAT} has rows of a table that it does not describe")
        schema, vendor = self.scratch.name, self._server.vendor
        with self._connect() as session:
            files = takes_local_files(session)
            in_turn = files and takes_turns(session)
            alone = {table for table, definition in definitions.items() if in_turn and definition.counts}
            rounds = _rounds(parts, alone)
            left = Counter(table for table, _ in rounds)
            for table, definition in definitions.items():
                if not left[table]:
                    _add(session, self.scratch.name, table, definition.keys)
        counting = Lock()

        def work(session: Session, item: tuple[str, Sequence[Part]]) -> None:
            table, parts = item
            rows = chain.from_iterable(map(source.read, parts))
            if files:
                load(session, shapes[table].load(schema, vendor), rows)
            else:
                insert(session, shapes[table], schema, vendor, rows)
            with counting:
                left[table] -= 1
                is_whole = not left[table]
            if is_whole:
                _add(session, schema, table, definitions[table].keys)

        with ExitStack() as stack:
            spread(rounds, [stack.enter_context(self._connect()) for _ in range(self._connections)], work)

    @contextmanager
    def _connect(self) -> Iterator[Session]:
        """Open a connection that takes what a server took once, as far as the account may have it do so."""
        with self._server.connect(self.scratch.name, limit=LIMIT, loading=True) as session:
            session.execute(f"SET SESSION sql_mode = '{_MODE}'")
            session.execute(_UNCHECKED[self._server.vendor])
            for setting in _PERMISSIVE[self._server.vendor]:
                try:
                    session.execute(f"SET SESSION {setting}")
                except DatabaseError as error:
                    if code_of(error) not in ACCESS_DENIED | _NOT_TO_BE_SET:
                        raise
            yield session

    def _refuse_misfit(self, details: Any) -> None:
        for need in self._preflight.misfits(details):
            raise RefusedError(
                f"the snapshot needs {need.what}, and {need.lacking}", hint=f"Nothing was changed. {need.hint}"
            )

    def _taken(self, source: SnapshotReader) -> tuple[list[Shape], ObjectSet]:
        """Give the tables that are meant, and what is to be around them."""
        shapes, objects = described(source)
        self._without = frozenset(map(str, source.details.get("without_rows", ())))
        if self._tables.are_all:
            return shapes, objects
        shapes = self._chosen(shapes)
        return shapes, objects.triggers_on({shape.name for shape in shapes})

    def _accounts_in(self, source: SnapshotReader) -> tuple[Account, ...]:
        """Give the accounts that are wanted; :class:`RefusedError` where the snapshot was not asked to have any."""
        if not self._with_accounts:
            return ()
        if not any((part.facts.kind, part.facts.name) == (SCHEMA, ACCOUNTS) for part in source.parts):
            raise RefusedError(
                f"{_WHAT} has no accounts: it was taken without",
                hint="Nothing was changed. Leave --accounts out, or choose one taken by 'invoke db.backup --accounts'.",
            )
        return accounts_from(documented(source, ACCOUNTS), _WHAT)

    def _set_default(self, details: Any) -> None:
        charset, collation = field_of(details, "charset", str, _WHAT), field_of(details, "collation", str, _WHAT)
        if not _WORD.match(charset) or not _WORD.match(collation):
            raise DamagedError(f"{_WHAT} names no charset that there is")
        with self._server.connect() as session:
            session.execute(f"ALTER DATABASE {quoted(self.scratch.name)} CHARACTER SET {charset} COLLATE {collation}")


def _add(session: Session, schema: str, table: str, items: Sequence[str]) -> None:
    """Add keys or foreign keys to a table, all in one statement, so that its rows are read once."""
    if items:
        added = ", ".join(f"ADD {item}" for item in items)
        patiently(partial(session.execute, f"ALTER TABLE {qualified(schema, table)} {added}"))


def _rounds(parts: Iterable[Part], alone: Container[str]) -> list[tuple[str, Sequence[Part]]]:
    """Give what to load at a time, each with its table: of the largest tables first, of those ``alone`` all at once."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(table_of(part.facts), []).append(part)
    rounds: list[tuple[str, Sequence[Part]]] = []
    for table, own in sorted(found.items(), key=lambda item: -sum(part.size for part in item[1])):
        own.sort(key=lambda part: _start_of(part.facts))
        rounds += [(table, own)] if table in alone else [(table, [part]) for part in own]
    return rounds


def _start_of(facts: Facts) -> tuple[bool, int]:
    """Give something to sort the ranges of a table by: only the first one has no beginning."""
    start = facts.name.rpartition(" ")[2] if facts.kind == RANGE else ""
    return (bool(start), int(start or 0))


def _bounds(details: Mapping[str, Any]) -> Mapping[str, Sequence[int]]:
    found: dict[str, Sequence[int]] = {}
    for name, bounds in field_of(details, "bounds", dict, _WHAT).items():
        if not isinstance(bounds, list) or not all(isinstance(each, int) for each in bounds):
            raise DamagedError(f"{_WHAT} has no usable field 'bounds'")
        found[str(name)] = bounds
    return found
