"""The folder beside a database file that holds what deckinfra makes there.

::

    app.db-deckinfra/
        lock                who migrates or restores
        journal.json        a swap that is under way
        snapshot-*.db       a point in time that a backup is reading
        shadow-*.db         a restored database, not live yet
        kept-*.db|json      a state that a restore replaced
        stray-*             what lay beside no database when one was restored there

The database itself may be a link; then its target counts, so that every name of it finds one folder.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deckinfra.errors import DatabaseError
from deckinfra.system.files import TEMPORARY, write_atomic


class Workspace:
    """The folder beside the database ``live``; ``patience`` is how many seconds to wait for others who use it."""

    def __init__(self, live: Path, patience: float) -> None:
        try:
            self.live = live.resolve()
        except (OSError, RuntimeError) as error:
            raise DatabaseError(
                f"the database {live} cannot be found: {error}", hint="Is it a symbolic link that leads nowhere?"
            ) from error
        self.patience = patience
        self.folder = self.live.with_name(f"{self.live.name}-deckinfra")
        self.lock = self.folder / "lock"
        self.journal = self.folder / "journal.json"

    def has_live(self) -> bool:
        """Whether there is anything in the live database's place; :class:`DatabaseError` if nobody can tell."""
        try:
            self.live.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise DatabaseError(
                f"cannot look at the database {self.live}: {error.strerror}",
                hint="Nothing was changed. Look at the owner and mode of the folders above it, and at DATABASE_URL.",
            ) from error
        return True

    def make(self) -> None:
        """Make sure that the folder is there; :class:`DatabaseError` if it cannot be."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self.failed(error) from error

    def failed(self, error: OSError) -> DatabaseError:
        """Put an error about a file in here in our words."""
        return DatabaseError(
            f"cannot write beside the database {self.live}: {error.strerror}",
            hint=f"Nothing live was changed. Look at the space, owner and mode of {self.folder}.",
        )

    def need(self, size: int) -> None:
        """Raise :class:`DatabaseError` unless ``size`` bytes are free here."""
        free = shutil.disk_usage(self.folder).free
        if free < size:
            raise DatabaseError(
                f"{self.folder} needs {size / 1e6:,.1f} MB, and only {free / 1e6:,.1f} MB are free there",
                hint="Nothing was changed. Make room and run it again; 'invoke db.kept' lists what restores kept.",
            )

    def write(self, path: Path, data: bytes) -> None:
        """Write a small file in here, whole and durably."""
        try:
            write_atomic(path, data, mode=0o600)
        except OSError as error:
            raise self.failed(error) from error

    @contextmanager
    def scratch(self, kind: str) -> Iterator[Path]:
        """Make an empty file ``KIND-….db`` while the context is open; if it was moved away, so be it.

        It is locked meanwhile, so that :meth:`sweep` can tell it from what a dead process left.
        """
        self.make()
        path, descriptor = self._claimed(kind)
        try:
            yield path
        finally:
            remove(path)
            os.close(descriptor)

    def sweep(self, kind: str) -> list[str]:
        """Remove the scratch files of a kind that no process works on any more, and give their names."""
        removed = []
        for path in self.folder.glob(f"{kind}-*.db"):
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Under the lock, so that who makes such a file and locks it can tell that it is gone.
                    remove(path)
                    removed.append(path.name)
                except BlockingIOError:
                    continue
                finally:
                    os.close(descriptor)
        return removed

    def sweep_unfinished(self) -> list[str]:
        """Remove the documents that were not written to their end; only who holds the lock writes any."""
        found = list(self.folder.glob(f"{TEMPORARY}*"))
        for path in found:
            path.unlink()
        return [path.name for path in found]

    def _claimed(self, kind: str) -> tuple[Path, int]:
        while True:
            path = self.folder / f"{kind}-{secrets.token_hex(4)}.db"
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise self.failed(error) from error
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return path, descriptor
            os.close(descriptor)  # somebody took it for a dead one's between the two calls


SIDECARS = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database file; it belongs to that file and no other."""


def sidecars(path: Path) -> list[Path]:
    """Give the files that SQLite may keep beside ``path``."""
    return [path.with_name(path.name + suffix) for suffix in SIDECARS]


def remove(path: Path) -> None:
    """Delete a database file that is ours, with what SQLite keeps beside it."""
    for name in (*sidecars(path), path):
        name.unlink(missing_ok=True)


def move_sidecars(old: Path, new: Path) -> None:
    """Move what SQLite keeps beside ``old`` beside ``new``, where there is any."""
    for source, target in zip(sidecars(old), sidecars(new), strict=True):
        # Across disks, renaming what is not there fails as if it were.
        if source.exists():
            source.rename(target)
