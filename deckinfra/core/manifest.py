"""The manifest: what one snapshot holds, and everything that is needed to read it back.

The manifest names *parts*: a table, or for SQLite the whole file. The bytes of a part are cut into
chunks, each stored under a keyed hash of its content. The chunks of a part are listed in *lists*,
blobs of their own, so that a manifest stays small however large the database is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from deckinfra.core.documents import field_of, number_of
from deckinfra.errors import DamagedError

FORMAT: Final = 1
"""Version of the repository format that this code writes, and the newest that it reads."""

SNAPSHOT_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\Z")
OBJECT_ID: Final = re.compile(r"[0-9a-f]{64}\Z")


def format_time(moment: datetime) -> str:
    """Write ``moment`` (aware) as UTC to the second, ``2026-11-22T21:34:19Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str, what: str) -> datetime:
    """Read what :func:`format_time` wrote; a :class:`DamagedError` that names ``what`` otherwise."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise DamagedError(f"{what} has no usable time") from error


@dataclass(frozen=True)
class Origin:
    """Whose snapshot it is: a repository may be shared by several projects, and by environments of one."""

    project: str
    environment: str

    def __str__(self) -> str:
        return f"environment '{self.environment}' of project '{self.project}'"


@dataclass(frozen=True)
class Facts:
    """What is known of one part by looking at it, in the source and again in what was restored.

    ``rows`` is None where a part has none; ``checksum`` is None where the engine has none for that
    kind. Two lists of facts that are equal are the proof that a restore brought back the same data.
    """

    kind: str
    name: str
    rows: int | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class Part:
    """One part of a snapshot: its facts, its size in bytes, and the ids of the lists of its chunks."""

    facts: Facts
    size: int
    chunks: int
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """What one snapshot holds.

    ``parts`` hold the bytes; ``facts`` describe everything that a restore is compared with, those
    parts included. ``details`` are the engine's own: versions, positions, page sizes. ``added_bytes`` and
    ``added_objects`` tell what this backup had to store beyond what was there.
    """

    id: str
    time: datetime
    seconds: float
    origin: Origin
    engine: str
    database: str
    revisions: tuple[str, ...]
    host: str
    tool: str
    size: int
    added_bytes: int
    added_objects: int
    facts: tuple[Facts, ...]
    parts: tuple[Part, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Give the manifest as the JSON object that is stored, as ``docs/backup-format.md`` describes it."""
        return {
            "format": FORMAT,
            "id": self.id,
            "time": format_time(self.time),
            "seconds": round(self.seconds, 3),
            "project": self.origin.project,
            "environment": self.origin.environment,
            "engine": self.engine,
            "database": self.database,
            "revisions": list(self.revisions),
            "host": self.host,
            "tool": self.tool,
            "size": self.size,
            "added_bytes": self.added_bytes,
            "added_objects": self.added_objects,
            "facts": [_facts_document(facts) for facts in self.facts],
            "parts": [
                {
                    **_facts_document(part.facts),
                    "size": part.size,
                    "chunks": part.chunks,
                    "lists": list(part.lists),
                }
                for part in self.parts
            ],
            "details": dict(self.details),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> Manifest:
        """Read a manifest back; a :class:`DamagedError` that names ``what`` says which field is wrong."""
        if field_of(document, "format", int, what) > FORMAT:
            raise DamagedError(
                f"{what} has format {document['format']}, and this version reads up to {FORMAT}",
                hint="Update deckinfra to read it.",
            )
        identity = field_of(document, "id", str, what)
        if not SNAPSHOT_ID.match(identity):
            raise DamagedError(f"{what} has no usable field 'id'")
        return cls(
            id=identity,
            time=parse_time(field_of(document, "time", str, what), what),
            seconds=number_of(document, "seconds", what),
            origin=Origin(field_of(document, "project", str, what), field_of(document, "environment", str, what)),
            engine=field_of(document, "engine", str, what),
            database=field_of(document, "database", str, what),
            revisions=_strings(document, "revisions", what),
            host=field_of(document, "host", str, what),
            tool=field_of(document, "tool", str, what),
            size=field_of(document, "size", int, what),
            added_bytes=field_of(document, "added_bytes", int, what),
            added_objects=field_of(document, "added_objects", int, what),
            facts=tuple(_read_facts(entry, what) for entry in _objects(document, "facts", what)),
            parts=tuple(_read_part(entry, what) for entry in _objects(document, "parts", what)),
            details=field_of(document, "details", dict, what),
        )


def _facts_document(facts: Facts) -> dict[str, Any]:
    return {"kind": facts.kind, "name": facts.name, "rows": facts.rows, "checksum": facts.checksum}


def _read_facts(document: Mapping[str, Any], what: str) -> Facts:
    return Facts(
        kind=field_of(document, "kind", str, what),
        name=field_of(document, "name", str, what),
        rows=None if document.get("rows") is None else field_of(document, "rows", int, what),
        checksum=None if document.get("checksum") is None else field_of(document, "checksum", str, what),
    )


def _read_part(document: Mapping[str, Any], what: str) -> Part:
    lists = _strings(document, "lists", what)
    if not all(OBJECT_ID.match(name) for name in lists):
        raise DamagedError(f"{what} has no usable field 'lists'")
    return Part(
        facts=_read_facts(document, what),
        size=field_of(document, "size", int, what),
        chunks=field_of(document, "chunks", int, what),
        lists=lists,
    )


def _objects(document: Mapping[str, Any], name: str, what: str) -> Sequence[Mapping[str, Any]]:
    values = field_of(document, name, list, what)
    if not all(isinstance(value, dict) for value in values):
        raise DamagedError(f"{what} has no usable field '{name}'")
    return values


def _strings(document: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    values = field_of(document, name, list, what)
    if not all(isinstance(value, str) for value in values):
        raise DamagedError(f"{what} has no usable field '{name}'")
    return tuple(values)
