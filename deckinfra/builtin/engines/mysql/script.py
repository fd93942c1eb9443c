"""A stored snapshot as text that the servers' own clients load: what a restore does, written down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.core.manifest import Part
from deckinfra.errors import DamagedError
from deckinfra.mysql.names import quoted
from deckinfra.mysql.writing import sequences_by_name, terminated, written
from deckinfra.ports import SnapshotReader

from .ddl import Definition, taken_apart
from .inserting import insertions
from .reading import RANGE, TABLE, table_of
from .shape import Shape
from .snapshot import described

_WHAT: Final = "the snapshot"
_WORD: Final = re.compile(r"\w+\Z", re.ASCII)
_SEQUENCE: Final = re.compile(r"^\).* SEQUENCE=1", re.MULTILINE)

_KEPT: Final = (
    "SET @deckinfra_mode = @@SESSION.sql_mode, @deckinfra_zone = @@SESSION.time_zone, "
    "@deckinfra_foreign = @@SESSION.foreign_key_checks, @deckinfra_unique = @@SESSION.unique_checks",
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', SESSION time_zone = '+00:00', "
    "SESSION foreign_key_checks = 0, SESSION unique_checks = 0",
)
_OF_VENDOR: Final = {
    "mysql": ("/*!80400 SET SESSION restrict_fk_on_non_standard_key = 0 */",),
    "mariadb": ("SET SESSION check_constraint_checks = 0, SESSION innodb_strict_mode = 0",),
}
_HISTORY: Final = "SET SESSION system_versioning_insert_history = 1"
_PUT_BACK: Final = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = @deckinfra_mode, SESSION time_zone = @deckinfra_zone, "
    "SESSION foreign_key_checks = @deckinfra_foreign, SESSION unique_checks = @deckinfra_unique",
)


def script_of(source: SnapshotReader) -> Iterator[bytes]:
    """Give the text: tables, each with its rows and then its keys; foreign keys; and what stands on tables."""
    vendor, charset, collation = (_word(source.details, name) for name in ("vendor", "charset", "collation"))
    shapes, objects = described(source)
    sequences = [shape.name for shape in shapes if _SEQUENCE.search(shape.definition)]
    history = (_HISTORY,) if any(shape.versioned for shape in shapes) else ()
    default = f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation}"
    yield from _lines(*_KEPT, *_OF_VENDOR.get(vendor, ()), *history, default)
    parts: dict[str, list[Part]] = {}
    for part in source.parts:
        if part.facts.kind in {TABLE, RANGE}:
            parts.setdefault(table_of(part.facts), []).append(part)
    definitions = {
        shape.name: taken_apart(sequences_by_name(shape.definition, sequences), shape.engine) for shape in shapes
    }
    # A column's default may be a number from a sequence, which has to be there first.
    for shape in sorted(shapes, key=lambda each: each.name not in sequences):
        yield from _table(source, shape, definitions[shape.name], parts.get(shape.name, ()), vendor)
    for shape in shapes:
        yield from _added(shape.name, definitions[shape.name].foreign_keys)
    yield b"\n"
    yield from written(objects, collation)
    yield from _lines(*_PUT_BACK)


def _table(
    source: SnapshotReader, shape: Shape, definition: Definition, parts: Sequence[Part], vendor: str
) -> Iterator[bytes]:
    yield b"\n"
    yield from _lines(definition.create)
    chunks = (data for part in parts for data in source.read(part))
    yield from terminated(insertions(shape, quoted(shape.name), vendor, chunks))
    yield from _added(shape.name, definition.keys)


def _added(table: str, items: Sequence[str]) -> Iterator[bytes]:
    if items:
        yield from _lines(f"ALTER TABLE {quoted(table)} {', '.join(f'ADD {item}' for item in items)}")


def _lines(*statements: str) -> Iterator[bytes]:
    yield from terminated(statement.encode() for statement in statements)


def _word(details: Mapping[str, Any], name: str) -> str:
    word = field_of(details, name, str, _WHAT)
    if not _WORD.match(word):
        raise DamagedError(f"{_WHAT} has no usable field '{name}'")
    return word
