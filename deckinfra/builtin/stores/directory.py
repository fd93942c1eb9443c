"""The ``directory`` store: blobs as files in a folder, at ``file:`` URLs.

``file:backups/local`` starts at the project's root, ``file:///srv/backups`` at the file system's. Nothing in
it is decoded or expanded: spaces, quotes, ``%`` and ``~`` stand for themselves.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.core.names import is_blob_name
from deckinfra.errors import BlobExistsError, BlobNotFoundError, ConfigurationError, StoreError
from deckinfra.hookspecs import hookimpl
from deckinfra.system.files import TEMPORARY, is_full, sync_directory, write_atomic

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings
    from deckinfra.core.urls import StoreURL
    from deckinfra.ports import BlobInfo, StoreFactory

_SAFE: Final = "What was stored before is as it was."


class DirectoryStore:
    """Implements :class:`deckinfra.ports.Store` on the folder ``folder``, which the first put creates.

    Files have mode 0600 and folders 0700. Symbolic links inside the folder are never followed: one in
    the place of a blob, or of a folder of blobs, is a :class:`StoreError`, since what is behind it would
    be missed. The folder itself may be one. ``label`` is what messages call the store.
    """

    cheap_reads = True

    def __init__(self, folder: Path, label: str = "") -> None:
        self._folder = folder
        self._label = label or f"file:{folder}"

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        """Store ``data`` under ``name``: the content is flushed before its name appears, the name after.

        Both each time, so that nothing depends on knowing which blobs rely on which.
        """
        with self._blob("store", name) as path:
            self._check_size(name, len(data))
            try:
                self._write(path, name, data, overwrite)
            except FileNotFoundError:
                _create(path.parent)
                self._write(path, name, data, overwrite)

    def get(self, name: str) -> bytes:
        """Give the whole blob."""
        with self._blob("read", name) as path:
            try:
                # Non-blocking, since opening a pipe would wait for somebody to write to it.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise self._absent(name, error) from None
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._linked(name) from None
                raise
            try:
                info = os.fstat(descriptor)
                if not self._is_blob(info, name):
                    raise self._absent(name)
                self._check_size(name, info.st_size)
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read()
            finally:
                os.close(descriptor)

    def stat(self, name: str) -> BlobInfo | None:
        """Tell of one blob, or None if there is none."""
        with self._blob("look at", name) as path:
            try:
                info = path.lstat()
            except (FileNotFoundError, NotADirectoryError) as error:
                self._absent(name, error)
                return None
            return _info(name, info) if self._is_blob(info, name) else None

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Give the blobs whose name starts with ``prefix``, as the folders are read."""
        above = prefix.rpartition("/")[0]
        if above and not is_blob_name(above):
            return
        with self._faults("list", above):
            for name, entry in self._walk(above):
                if name.startswith(prefix) and is_blob_name(name):
                    try:
                        info = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if self._is_blob(info, name):
                        yield _info(name, info)

    def delete(self, name: str) -> None:
        """Remove a blob, durably: what is deleted after it is not gone before it."""
        with self._blob("delete", name) as path:
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                self._absent(name, error)
                return
            sync_directory(path.parent)

    def sweep(self) -> int:
        """Remove what interrupted puts left behind."""
        swept = 0
        with self._faults("tidy up", ""):
            for _, entry in self._walk(""):
                if entry.name.startswith(TEMPORARY) and entry.is_file(follow_symlinks=False):
                    Path(entry.path).unlink(missing_ok=True)
                    swept += 1
        return swept

    def close(self) -> None:
        """Do nothing: nothing stays open between calls."""

    def __str__(self) -> str:
        return self._label

    # ---------------------------------------------------------------------------------------------

    def _write(self, path: Path, name: str, data: bytes, overwrite: bool) -> None:
        try:
            write_atomic(path, data, mode=0o600, replace=overwrite)
        except FileExistsError:
            raise BlobExistsError(f"'{name}' is in {self} already", hint=_SAFE) from None

    def _walk(self, above: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Give every entry in the folder ``above`` and those below, with its name in the store."""
        folder = self._folder / above
        if above:
            self._check_folders(folder)
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            self._absent(above, error)
            return
        with entries:
            for entry in entries:
                name = f"{above}/{entry.name}" if above else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if is_blob_name(name):
                        yield from self._walk(name)
                else:
                    yield name, entry

    @contextmanager
    def _blob(self, doing: str, name: str) -> Iterator[Path]:
        """Give the path of a blob; the name is checked first, and errors of the file system are wrapped."""
        if not is_blob_name(name):
            raise StoreError(
                f"{name!r} cannot name a blob in {self}",
                hint="A name has up to eight parts of letters, digits, dots, - and _, joined by '/'.",
            )
        path = self._folder / name
        with self._faults(doing, name):
            self._check_folders(path.parent)
            yield path

    def _check_folders(self, folder: Path) -> None:
        """Raise if a folder between the store's and ``folder``, or that itself, is a symbolic link."""
        while folder != self._folder:
            if folder.is_symlink():
                raise self._linked(str(folder.relative_to(self._folder)))
            folder = folder.parent

    def _is_blob(self, info: os.stat_result, name: str) -> bool:
        """Whether it is one; a folder is none, and anything else that is no file is an error."""
        if stat.S_ISLNK(info.st_mode):
            raise self._linked(name)
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            raise StoreError(f"'{name}' in {self} is neither a file nor a folder", hint=f"{_SAFE} Remove it.")
        return stat.S_ISREG(info.st_mode)

    def _linked(self, name: str) -> StoreError:
        return StoreError(
            f"'{name}' in {self} is a symbolic link, which is not followed",
            hint=f"{_SAFE} Put the real thing there, or let the store's URL name the place where it is.",
        )

    def _absent(self, name: str, error: OSError | None = None) -> BlobNotFoundError:
        """Make the error for a blob that is not there; ``error`` is raised instead if the store is no folder."""
        if isinstance(error, NotADirectoryError) and not self._folder.is_dir():
            raise error
        return BlobNotFoundError(f"there is no '{name}' in {self}")

    def _check_size(self, name: str, size: int) -> None:
        from deckinfra.ports import MAX_BLOB

        if size > MAX_BLOB:
            raise StoreError(f"'{name}' for {self} has {size} bytes, and a blob has at most {MAX_BLOB}", hint=_SAFE)

    @contextmanager
    def _faults(self, doing: str, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"could not {doing} '{name}' in {self}" if name else f"could not {doing} {self}"
            reason, advice = _explain(error)
            raise StoreError(f"{what}: {reason}", hint=f"{_SAFE} {advice}") from error


def _explain(error: OSError) -> tuple[str, str]:
    """Say in plain words what went wrong, and what to do about it."""
    if is_full(error):
        return "there is no room left", "Make room there, then run it again."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "it is not allowed", "See who owns the folder, its mode, and whether the disk is read-only."
    if error.errno in {errno.ENOTDIR, errno.EISDIR, errno.EEXIST}:
        return "a file is where a folder should be, or a folder where a file should be", "Move it out of the way."
    if error.errno == errno.ENOTSUP:
        return str(error.strerror), "FAT and exFAT have none: keep backups on ext4, XFS, Btrfs, ZFS or the like."
    return error.strerror or str(error), "See whether the disk is there and sound."


def _create(folder: Path) -> None:
    """Make a folder and those above it, durably; it may be there by now."""
    try:
        folder.mkdir(0o700, exist_ok=True)
    except FileNotFoundError:
        _create(folder.parent)
        folder.mkdir(0o700, exist_ok=True)
    sync_directory(folder.parent)


def _info(name: str, info: os.stat_result) -> BlobInfo:
    from deckinfra.ports import BlobInfo

    return BlobInfo(name, info.st_size, datetime.fromtimestamp(info.st_mtime, UTC))


def open_directory(url: StoreURL, root: Path, settings: Settings) -> DirectoryStore:
    """Open the store at a ``file:`` URL; :class:`ConfigurationError` if it names another machine, or nothing."""
    location = url.location
    if location.startswith("//"):
        location = location[2:]
        if not location.startswith("/"):
            raise ConfigurationError(
                f"the store URL '{url}' names a machine, and files are on this one",
                hint="Write file:FOLDER for a folder in the project, or file:///FOLDER for any other.",
            )
    if "\0" in location:
        raise ConfigurationError(f"the store URL {str(url)!r} has a character that no folder's name has")
    return DirectoryStore(root / location, str(url))


@hookimpl
def deckinfra_stores() -> Mapping[str, StoreFactory]:
    """Register the scheme ``file``."""
    return {"file": open_directory}
