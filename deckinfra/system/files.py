"""Files that appear whole or not at all, and stay when the power goes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY: Final = ".tmp-"
"""Names of unfinished files begin with this, and nothing else's do."""


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Make ``path`` hold ``data``, with ``mode`` from the start, durably when this returns.

    A reader sees the old content or the new. With ``replace=False`` a file that is there already is
    a :class:`FileExistsError`, and exactly one of several writers succeeds. Raises :class:`OSError`.
    """
    with writing_atomic(path, mode=mode, replace=replace) as file:
        file.write(data)


@contextmanager
def writing_atomic(path: Path, *, mode: int = 0o644, replace: bool = True) -> Iterator[BinaryIO]:
    """Open what becomes ``path`` when the context ends well, as :func:`write_atomic` does."""
    temporary = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            link_exclusive(temporary, path)
            temporary.unlink()
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def link_exclusive(source: Path, target: Path) -> None:
    """Give ``source`` the second name ``target``; :class:`FileExistsError` if that is taken.

    A file system that has no hard links is an :class:`OSError` with the number ``ENOTSUP``.
    """
    try:
        target.hardlink_to(source)
    except PermissionError as error:
        # What was just written may be linked, so it is not that: Linux answers so for FAT and exFAT.
        raise OSError(errno.ENOTSUP, "the file system has no hard links") from error


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable. File systems that cannot are left as they are."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether ``error`` says that there is no room left: the disk, the quota, or the limit of a file's size."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
