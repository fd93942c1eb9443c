"""What tests of the repository and its services share: repositories to open, snapshots to make, damage to do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.manifest import Facts, Manifest, Origin
from deckinfra.core.silent import SilentReporter
from deckinfra.ports import Chunk, Reporter, Store
from deckinfra.repository import Repository
from deckinfra.repository.layout import OBJECTS

NOON: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SILENT: Final = SilentReporter()


def open_repository(store: Store, reporter: Reporter = SILENT, *, create: bool = True, threads: int = 2) -> Repository:
    """Open the repository in ``store``; a new one is made there."""
    return Repository.open(store, create=create, level=1, threads=threads, reporter=reporter)


def in_folder(folder: Path, reporter: Reporter = SILENT) -> Repository:
    """Open the repository in ``folder``."""
    return open_repository(DirectoryStore(folder), reporter)


def publish(
    repository: Repository,
    contents: Mapping[str, Sequence[bytes]],
    *,
    time: datetime = NOON,
    project: str = "deck",
    environment: str = "local",
    host: str = "host",
    engine: str = "sqlite",
    database: str = "sqlite:////srv/app.db",
) -> Manifest:
    """Store a snapshot whose parts have these names and chunks."""
    writer = repository.writer()
    with repository.reporter.progress("back up", None) as progress:
        given = (Chunk("table", name, data) for name, chunks in contents.items() for data in chunks)
        writer.write(given, progress)
    facts = tuple(Facts("table", name, rows=len(chunks)) for name, chunks in contents.items())
    parts = writer.parts(facts)
    manifest = Manifest(
        id=f"{time:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        time=time,
        seconds=0.5,
        origin=Origin(project, environment),
        engine=engine,
        database=database,
        revisions=("0001",),
        host=host,
        tool="deckinfra test",
        size=writer.size,
        added_bytes=writer.added_bytes,
        added_objects=writer.added_objects,
        facts=facts,
        parts=parts,
        details={},
    )
    repository.snapshots.publish(manifest)
    return manifest


def contents_of(repository: Repository, manifest: Manifest) -> dict[str, list[bytes]]:
    """Read a snapshot back."""
    reader = repository.reader(manifest)
    return {part.facts.name: list(reader.read(part)) for part in reader.parts}


def objects(store: Store) -> dict[str, int]:
    """Give the stored objects, each with its size."""
    return {blob.name: blob.size for blob in store.list(OBJECTS)}


def change(store: Store, name: str, how: Callable[[bytes], bytes]) -> None:
    """Damage one blob."""
    store.put(name, how(store.get(name)))


def flip(data: bytes, position: int, bit: int = 0) -> bytes:
    """Give ``data`` with one bit of it flipped."""
    return data[:position] + bytes([data[position] ^ (1 << bit)]) + data[position + 1 :]


def middle(data: bytes) -> bytes:
    """Give ``data`` with one bit in its middle flipped."""
    return flip(data, len(data) // 2)


def half(data: bytes) -> bytes:
    """Give the first half of ``data``."""
    return data[: len(data) // 2]


def nothing(data: bytes) -> bytes:
    """Give nothing of ``data``."""
    return b""
