"""Locks in the repository itself, since its users may be on several machines.

A lock is a blob that names its owner. Backups and readers share; prune excludes all others. To take
one, write it, then look for others: whoever sees a conflict takes their own away and waits a random
moment. A lock is dead when its process has ended on this machine, or when it was not refreshed for
half an hour by one elsewhere. (The scheme is restic's, as its design document describes it.)
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.errors import BlobNotFoundError, DamagedError, LockedError, StoreError
from deckinfra.ports import BlobInfo, Reporter, Store
from deckinfra.repository.layout import LOCKS, lock_name
from deckinfra.system.processes import Owner

REFRESH: Final = timedelta(minutes=5)
STALE: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class _Lock:
    blob: BlobInfo
    exclusive: bool
    owner: Owner

    def is_dead(self) -> bool:
        return self.owner.is_dead() or (_is_stale(self.blob) and not self.owner.is_alive())


class Held:
    """A lock that is held. :meth:`check` makes sure that it still is."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    def check(self) -> None:
        """Raise :class:`LockedError` if others took the lock away, or passed it by, as after half an hour's sleep."""
        if not _counts(self._store, self._name):
            raise LockedError(
                f"the lock on {self._store} was lost while the work went on",
                hint="Every backup that is listed is whole. Was this machine asleep? Run it again.",
            )


@contextmanager
def hold(
    store: Store,
    purpose: str,
    *,
    exclusive: bool,
    timeout: float,
    reporter: Reporter,
    refresh: timedelta = REFRESH,
) -> Iterator[Held]:
    """Hold a lock while the context is open, written anew every ``refresh``.

    Waits up to ``timeout`` seconds, then :class:`LockedError` names who holds it.
    """
    owner = Owner.me(purpose)
    content = encode({"exclusive": exclusive, "owner": owner.document()})
    name = _acquire(store, content, exclusive=exclusive, timeout=timeout)
    stop = threading.Event()
    rhythm = {"stop": stop, "refresh": refresh, "reporter": reporter}
    heart = threading.Thread(target=_beat, args=(store, name, content), kwargs=rhythm, daemon=True)
    heart.start()
    try:
        yield Held(store, name)
    finally:
        stop.set()
        heart.join()
        _release(store, name, reporter)


def has_dead(store: Store) -> bool:
    """Whether there are locks of owners that died, and so, perhaps, what they were writing."""
    return any(lock.is_dead() for lock in _all(store))


def bury(store: Store, reporter: Reporter) -> None:
    """Take the locks of dead owners away, and say so.

    Only who holds an exclusive lock does so, and cleans up behind them: whoever came later could not
    tell any more that there is something to clean up.
    """
    for lock in _all(store):
        if lock.is_dead():
            store.delete(lock.blob.name)
            reporter.note(f"took away the lock of {lock.owner}, which died at it")


def _acquire(store: Store, content: bytes, *, exclusive: bool, timeout: float) -> str:
    deadline = time.monotonic() + timeout
    while True:
        rival = _rival(store, exclusive=exclusive)
        if rival is None:
            name = lock_name(secrets.token_hex(8))
            store.put(name, content, overwrite=False)
            try:
                rival = _rival(store, exclusive=exclusive, mine=name)
            except BaseException:
                store.delete(name)
                raise
            if rival is None:
                return name
            store.delete(name)
        if time.monotonic() >= deadline:
            raise LockedError(
                f"{store} is in use by {rival.owner}",
                hint=f"Waited {timeout:g} s. Nothing was changed; run it again when that is done.",
            )
        time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 - it only keeps two waiters from moving in step


def _rival(store: Store, *, exclusive: bool, mine: str = "") -> _Lock | None:
    """Give a lock of others that conflicts; those of the dead do not."""
    for lock in _all(store):
        if lock.blob.name != mine and (exclusive or lock.exclusive) and not lock.is_dead():
            return lock
    return None


def _all(store: Store) -> Iterator[_Lock]:
    for blob in list(store.list(LOCKS)):
        lock = _read(store, blob)
        if lock is not None:
            yield lock


def _read(store: Store, blob: BlobInfo) -> _Lock | None:
    what = f"the lock {blob.name} in {store}"
    try:
        document = decode(store.get(blob.name), what)
        owner = Owner.from_document(field_of(document, "owner", dict, what), what)
        return _Lock(blob, field_of(document, "exclusive", bool, what), owner)
    except BlobNotFoundError:
        return None
    except DamagedError as error:
        raise DamagedError(error.message, hint="If nobody is at work there, delete that file.") from error


def _beat(
    store: Store, name: str, content: bytes, *, stop: threading.Event, refresh: timedelta, reporter: Reporter
) -> None:
    while not stop.wait(refresh.total_seconds()):
        try:
            if _counts(store, name):
                store.put(name, content)
        except StoreError as error:
            reporter.warn(f"could not refresh the lock on {store}: {error.message}")


def _counts(store: Store, name: str) -> bool:
    """Whether others still respect a lock. Once it is stale it stays so, since somebody may have passed it by."""
    found = store.stat(name)
    return found is not None and not _is_stale(found)


def _is_stale(blob: BlobInfo) -> bool:
    return datetime.now(UTC) - blob.modified > STALE


def _release(store: Store, name: str, reporter: Reporter) -> None:
    try:
        store.delete(name)
    except StoreError as error:
        reporter.warn(f"could not take back the lock on {store}: {error.message}; it will be taken for dead")
