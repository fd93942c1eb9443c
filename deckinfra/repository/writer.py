"""Writes the chunks of one snapshot: each that is new is compressed and stored, each that is there is checked."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from deckinfra.core.manifest import Facts, Part
from deckinfra.errors import BlobNotFoundError, DamagedError
from deckinfra.ports import Chunk, Progress, Reporter, Store
from deckinfra.repository.codec import Codec
from deckinfra.repository.layout import object_name
from deckinfra.repository.lists import CHUNKS_IN_A_LIST, ChunkEntry, encode_list
from deckinfra.repository.pipeline import ordered_map


@dataclass
class _Open:
    """A part that is being written."""

    size: int = 0
    chunks: int = 0
    lists: list[str] = field(default_factory=list)
    entries: list[ChunkEntry] = field(default_factory=list)


class SnapshotWriter:
    """Stores chunks and lists; :meth:`parts` tells what was stored."""

    def __init__(self, store: Store, codec: Codec, threads: int, reporter: Reporter) -> None:
        self._store = store
        self._codec = codec
        self._threads = threads
        self._reporter = reporter
        self._open: dict[tuple[str, str], _Open] = {}
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self.added_bytes = 0
        self.added_objects = 0
        self.size = 0

    def write(self, chunks: Iterable[Chunk], progress: Progress) -> None:
        """Store everything that ``chunks`` gives. Memory holds a few chunks for each thread."""
        for chunk, identity, added in ordered_map(self._store_chunk, chunks, self._threads):
            self._count(added)
            part = self._open.setdefault((chunk.kind, chunk.name), _Open())
            part.entries.append(ChunkEntry(identity, len(chunk.data)))
            part.size += len(chunk.data)
            part.chunks += 1
            self.size += len(chunk.data)
            if len(part.entries) == CHUNKS_IN_A_LIST:
                self._close_list(part)
            progress.advance(len(chunk.data))

    def parts(self, facts: Iterable[Facts]) -> tuple[Part, ...]:
        """End the lists and give the parts, with the facts that the snapshot has on each."""
        known = {(fact.kind, fact.name): fact for fact in facts}
        for part in self._open.values():
            if part.entries:
                self._close_list(part)
        return tuple(
            Part(known.get(key, Facts(*key)), part.size, part.chunks, tuple(part.lists))
            for key, part in self._open.items()
        )

    def _store_chunk(self, chunk: Chunk) -> tuple[Chunk, str, int]:
        identity, added = self._store_object(chunk.data)
        return chunk, identity, added

    def _close_list(self, part: _Open) -> None:
        identity, added = self._store_object(encode_list(part.entries))
        self._count(added)
        part.lists.append(identity)
        part.entries.clear()

    def _count(self, added: int) -> None:
        self.added_bytes += added
        self.added_objects += added > 0

    def _store_object(self, data: bytes) -> tuple[str, int]:
        """Make sure that ``data`` is stored; gives its id, and how many bytes that took (0: it was there)."""
        identity = self._codec.identity(data)
        with self._lock:
            # Another thread is at the same content; should it fail, so does the whole snapshot.
            if identity in self._under_way:
                return identity, 0
            self._under_way.add(identity)
        try:
            return identity, self._put(identity, data)
        finally:
            with self._lock:
                self._under_way.discard(identity)

    def _put(self, identity: str, data: bytes) -> int:
        name = object_name(identity)
        if self._is_there(identity, name, data):
            return 0
        stored = self._codec.encode(data)
        self._store.put(name, stored)
        return len(stored)

    def _is_there(self, identity: str, name: str, data: bytes) -> bool:
        """Whether the object is stored and sound. A backup must not lean on an object that was damaged since."""
        if not self._store.cheap_reads:
            found = self._store.stat(name)
            return found is not None and found.size > 0
        try:
            self._codec.check(identity, self._store.get(name), data)
        except BlobNotFoundError:
            return False
        except DamagedError as error:
            self._reporter.warn(f"{error.message}; it is stored again, which also mends older snapshots")
            return False
        return True
