"""Where blobs are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

MAX_BLOB: Final = 64 * 1024 * 1024
"""Size limit of one blob, in bytes. What is larger is kept as several, so memory stays bounded."""


@dataclass(frozen=True)
class BlobInfo:
    """One stored blob: its name, its size in bytes, and when it was written (aware)."""

    name: str
    size: int
    modified: datetime


class Store(Protocol):
    """Keeps named blobs of at most :data:`MAX_BLOB` bytes. All methods are thread-safe.

    A name is one to eight segments of ``[A-Za-z0-9._-]`` (not starting with a dot), joined by ``/``.
    Every method raises :class:`StoreError` when the place cannot be reached, is full, or forbids it.
    """

    cheap_reads: bool
    """Whether reading back is so cheap that a backup should check what it reuses by reading it."""

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        """Store ``data`` under ``name``: all of it or nothing, and durably, when this returns.

        A reader sees the old blob or the new one, never a part. With ``overwrite=False``, exactly one
        of several writers succeeds; the others get :class:`BlobExistsError`.
        """

    def get(self, name: str) -> bytes:
        """Give the whole blob; :class:`BlobNotFoundError` if there is none."""

    def stat(self, name: str) -> BlobInfo | None:
        """Tell of one blob, or None if there is none."""

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Give every blob whose name starts with ``prefix``, in no order. Unfinished writes do not show."""

    def delete(self, name: str) -> None:
        """Remove a blob. It is no error if there is none."""

    def sweep(self) -> int:
        """Remove what interrupted writes left behind and give how many; only called while nobody writes."""

    def close(self) -> None:
        """Let go of connections. No other method is called afterwards."""

    def __str__(self) -> str:
        """Say where this is, for messages: no secrets."""
