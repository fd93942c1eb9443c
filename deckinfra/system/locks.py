"""A lock that the kernel takes back when its holder dies, with the holder's name in it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deckinfra.core.documents import decode, encode
from deckinfra.errors import DamagedError, LockedError
from deckinfra.system.processes import Owner

_INTERVAL: Final = 0.05


@contextmanager
def file_lock(path: Path, owner: Owner, *, timeout: float, what: str) -> Iterator[Owner | None]:
    """Hold an exclusive lock on the file ``path`` while the context is open.

    The value is the owner that died holding it, or None. The file says who holds it and is emptied
    on a clean release; it is never removed, since that would let two processes hold "the" lock.
    Waits up to ``timeout`` seconds; then a :class:`LockedError` names the holder and ``what`` is locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, timeout, what)
        predecessor = _holder(descriptor)
        _write(descriptor, encode(owner.document()))
        try:
            yield predecessor
        finally:
            _write(descriptor, b"")
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_INTERVAL)
                continue
            raise LockedError(
                f"{what} is locked by {_holder(descriptor) or 'another process'}",
                hint=f"Waited {timeout:g} s. Nothing was changed; run it again when that is done.",
            ) from None
        return


def _holder(descriptor: int) -> Owner | None:
    content = os.pread(descriptor, 4096, 0)
    if not content:
        return None
    try:
        return Owner.from_document(decode(content, "the lock"), "the lock")
    except DamagedError:
        return None


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
