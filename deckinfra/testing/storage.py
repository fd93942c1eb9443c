"""Stores for tests: one in memory, and one that does to another what networks and disks do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from deckinfra.core.names import is_blob_name
from deckinfra.errors import BlobExistsError, BlobNotFoundError, StoreError
from deckinfra.ports import MAX_BLOB, BlobInfo, Store


class MemoryStore:
    """Implements :class:`deckinfra.ports.Store` in memory, for as long as the object lives."""

    cheap_reads = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[str, tuple[bytes, datetime]] = {}

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        """Store ``data`` under ``name``."""
        _check(name, len(data))
        with self._lock:
            if not overwrite and name in self._blobs:
                raise BlobExistsError(f"'{name}' is in {self} already")
            self._blobs[name] = (bytes(data), datetime.now(UTC))

    def get(self, name: str) -> bytes:
        """Give the whole blob."""
        _check(name)
        found = self._blobs.get(name)
        if found is None:
            raise BlobNotFoundError(f"there is no '{name}' in {self}")
        return found[0]

    def stat(self, name: str) -> BlobInfo | None:
        """Tell of one blob, or None if there is none."""
        _check(name)
        found = self._blobs.get(name)
        return BlobInfo(name, len(found[0]), found[1]) if found else None

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Give every blob whose name starts with ``prefix``, as of now."""
        with self._lock:
            found = [(name, *blob) for name, blob in self._blobs.items() if name.startswith(prefix)]
        return (BlobInfo(name, len(data), modified) for name, data, modified in found)

    def delete(self, name: str) -> None:
        """Remove a blob."""
        _check(name)
        with self._lock:
            self._blobs.pop(name, None)

    def sweep(self) -> int:
        """Find nothing: a put here is not interrupted."""
        return 0

    def close(self) -> None:
        """Keep the blobs, so that a test can look at them."""

    def __str__(self) -> str:
        return "memory:"


class FaultyStore:
    """Implements :class:`deckinfra.ports.Store` by another store, with the faults that it is told to have.

    ``calls`` lists what was called, as ``(method, name)``, faults included.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failures: dict[str, tuple[str, int | None, StoreError]] = {}
        self._spoilt: list[tuple[str, Callable[[bytes], bytes]]] = []
        self._delay = 0.0
        self._lock = threading.Lock()
        self.cheap_reads = store.cheap_reads
        self.calls: list[tuple[str, str]] = []

    def fail(self, method: str, *, times: int | None = 1, prefix: str = "", error: StoreError | None = None) -> None:
        """Let the next ``times`` calls (None: all) of ``method``, on names with this prefix, raise ``error``."""
        self._failures[method] = (prefix, times, error or StoreError(f"the connection to {self} was lost"))

    def spoil(self, prefix: str, how: Callable[[bytes], bytes]) -> None:
        """Let blobs with this prefix be read as ``how`` makes them: :func:`flipped`, :func:`truncated`."""
        self._spoilt.append((prefix, how))

    def slow(self, seconds: float) -> None:
        """Let every call take ``seconds`` longer."""
        self._delay = seconds

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        """Put, if it does not fail."""
        self._called("put", name)
        self._store.put(name, data, overwrite=overwrite)

    def get(self, name: str) -> bytes:
        """Get, if it does not fail, and spoil what is to be spoilt."""
        self._called("get", name)
        data = self._store.get(name)
        for prefix, how in self._spoilt:
            if name.startswith(prefix):
                data = how(data)
        return data

    def stat(self, name: str) -> BlobInfo | None:
        """Stat, if it does not fail."""
        self._called("stat", name)
        return self._store.stat(name)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """List, if it does not fail."""
        self._called("list", prefix)
        return self._store.list(prefix)

    def delete(self, name: str) -> None:
        """Delete, if it does not fail."""
        self._called("delete", name)
        self._store.delete(name)

    def sweep(self) -> int:
        """Sweep, if it does not fail."""
        self._called("sweep", "")
        return self._store.sweep()

    def close(self) -> None:
        """Close the store behind."""
        self._called("close", "")
        self._store.close()

    def __str__(self) -> str:
        return str(self._store)

    def _called(self, method: str, name: str) -> None:
        time.sleep(self._delay)
        with self._lock:
            self.calls.append((method, name))
            prefix, times, error = self._failures.get(method, ("", 0, None))
            if error is None or times == 0 or not name.startswith(prefix):
                return
            self._failures[method] = (prefix, None if times is None else times - 1, error)
        raise error


def flipped(data: bytes) -> bytes:
    """Give ``data`` with one bit in the middle of it flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def truncated(data: bytes) -> bytes:
    """Give the first half of ``data``."""
    return data[: len(data) // 2]


def _check(name: str, size: int = 0) -> None:
    if not is_blob_name(name):
        raise StoreError(f"{name!r} cannot name a blob")
    if size > MAX_BLOB:
        raise StoreError(f"'{name}' has {size} bytes, and a blob has at most {MAX_BLOB}")
