"""Reads one snapshot back, every byte checked before it is given."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from deckinfra.core.manifest import Manifest, Part
from deckinfra.errors import BlobNotFoundError, DamagedError, StoreError
from deckinfra.ports import Store
from deckinfra.repository.codec import Codec
from deckinfra.repository.layout import CONFIG, object_name
from deckinfra.repository.lists import ChunkEntry, decode_list
from deckinfra.repository.pipeline import ordered_map


class StoredSnapshot:
    """Implements :class:`deckinfra.ports.SnapshotReader` over a repository."""

    def __init__(self, store: Store, codec: Codec, threads: int, manifest: Manifest) -> None:
        self._store = store
        self._codec = codec
        self._threads = threads
        self._manifest = manifest
        # Several parts may be read at a time, and each thread keeps memory. They end when nobody has this any more.
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="deckinfra")
        self.parts = manifest.parts
        self.details = manifest.details

    def read(self, part: Part) -> Iterator[bytes]:
        """Give a part's chunks in order, each checked, a few ahead; a :class:`DamagedError` names the snapshot."""
        try:
            yield from self._chunks(part)
        except DamagedError as error:
            raise DamagedError(
                f"snapshot {self._manifest.id} in {self._store} is damaged: {error.message}",
                hint="Nothing live was changed. 'invoke db.verify' tells which snapshots are whole; --remote looks "
                "elsewhere; a new backup mends what the live database still has.",
            ) from error

    def _chunks(self, part: Part) -> Iterator[bytes]:
        size = 0
        for data in ordered_map(self.chunk, self.entries(part), self._threads, shared=self._executor):
            size += len(data)
            yield data
        if size != part.size:
            raise DamagedError(f"{part.facts.kind} '{part.facts.name}' has {size} bytes instead of {part.size}")

    def entries(self, part: Part) -> Iterator[ChunkEntry]:
        """Give what the lists of a part say."""
        for identity in part.lists:
            yield from self.list(identity)

    def list(self, identity: str) -> list[ChunkEntry]:
        """Give what one list says, checked."""
        return decode_list(self.object(identity), f"list {identity[:12]}…")

    def object(self, identity: str) -> bytes:
        """Give the content of one object, checked.

        Where the store fails at this object alone, and twice, the object is what is wrong: a bad sector must not
        keep verify from the other snapshots. Any other :class:`StoreError` comes through.
        """
        try:
            stored = self._stored(identity)
        except StoreError:
            self._store.get(CONFIG)
            try:
                stored = self._stored(identity)
            except StoreError as error:
                raise DamagedError(f"object {identity[:12]}… cannot be read: {error.message}") from error
        return self._codec.decode(identity, stored)

    def _stored(self, identity: str) -> bytes:
        try:
            return self._store.get(object_name(identity))
        except BlobNotFoundError as error:
            raise DamagedError(f"object {identity[:12]}… is missing") from error

    def chunk(self, entry: ChunkEntry) -> bytes:
        """Give the content of one chunk, checked against its list as well."""
        data = self.object(entry.identity)
        if len(data) != entry.size:
            raise DamagedError(f"object {entry.identity[:12]}… has {len(data)} bytes instead of {entry.size}")
        return data
