"""Files of SQL: plain ones, and compressed ones, told by how their names end."""

from __future__ import annotations

import errno
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from deckinfra.errors import DamagedError, RefusedError, StoreError, UsageError
from deckinfra.system.files import is_full, writing_atomic

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PLAIN: Final = ".sql"
ZSTD: Final = ".sql.zst"
GZIP: Final = ".sql.gz"

_PIECE: Final = 1024 * 1024
_MODE: Final = 0o600
_LEVEL: Final = 3
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def require_writable_name(path: Path) -> None:
    """Raise :class:`UsageError` unless a script can be written to a file of that name."""
    if not path.name.endswith((PLAIN, ZSTD)):
        raise UsageError(
            f"'{path.name}' ends neither with {PLAIN} nor with {ZSTD}",
            hint=f"Nothing was written. Give a name that does; {ZSTD} is compressed with zstd.",
        )
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint="Nothing was written. Make it, or give another one.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="Nothing was written. Give the name of a file.")


def require_readable_name(path: Path) -> None:
    """Raise :class:`UsageError` unless a script can be in a file of that name, and it is there."""
    if not path.name.endswith((PLAIN, ZSTD, GZIP)):
        raise UsageError(
            f"'{path.name}' ends neither with {PLAIN}, nor with {ZSTD} or {GZIP}",
            hint="Nothing was changed. What is imported is SQL, plain or compressed; rename the file if it is that.",
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="Nothing was changed. Look at its name.")


def write_script(path: Path, pieces: Iterable[bytes], *, replace: bool) -> int:
    """Write a script, which appears when all of it is written, for nobody else to read; gives the file's size.

    :class:`RefusedError` if there is one and it is not to be replaced; :class:`StoreError` if it cannot be written.
    """
    try:
        with _writing(path, replace=replace) as file:
            if path.name.endswith(ZSTD):
                options = {
                    int(zstd.CompressionParameter.compression_level): _LEVEL,
                    int(zstd.CompressionParameter.checksum_flag): 1,
                }
                with zstd.ZstdFile(file, "w", options=options) as compressed:
                    for piece in pieces:
                        compressed.write(piece)
            else:
                for piece in pieces:
                    file.write(piece)
        return path.stat().st_size
    except FileExistsError as error:
        raise RefusedError(
            f"{path} is there already", hint="Nothing was written. Give another name, or add --yes to replace it."
        ) from error
    except OSError as error:
        room = " Make room." if is_full(error) else " Look at the owner and mode of its folder."
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}", hint=f"Nothing is left of it.{room}"
        ) from error


@contextmanager
def _writing(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    if path.exists() and not replace:
        raise FileExistsError(errno.EEXIST, "it is there already")
    # A stick with FAT has no hard links, by which alone a name is taken only where it is free.
    with writing_atomic(path, mode=_MODE, replace=True) as file:
        yield file
        if path.exists() and not replace:
            raise FileExistsError(errno.EEXIST, "it is there already")


def read_script(path: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Give a script in pieces, uncompressed; ``advance`` is told how many bytes of the file were read.

    :class:`DamagedError` if what is compressed is not whole, :class:`StoreError` if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            pieces = _raw(file, advance)
            if path.name.endswith(ZSTD):
                pieces = _unpacked(path, pieces, zstd.ZstdDecompressor, zstd.ZstdError)
            elif path.name.endswith(GZIP):
                pieces = _unpacked(path, pieces, _Gunzip, zlib.error)
            for number, piece in enumerate(pieces):
                if not number and piece.startswith(_UTF_16):
                    raise DamagedError(
                        f"{path} is UTF-16, as PowerShell writes what '>' sends to a file",
                        hint="Nothing was changed. Let the dump tool write the file itself, by --result-file.",
                    )
                yield piece
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="The live database was not touched. Look at the file's owner and mode, and at its disk.",
        ) from error


def _raw(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        advance(len(piece))
        yield piece


class _Gunzip:
    """One member of a gzip file, read as zstd's frames are."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._left = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._member.decompress(self._left + data, max_length)
        self._left = self._member.unconsumed_tail
        return found

    @property
    def needs_input(self) -> bool:
        return not self._left

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data


def _unpacked(
    path: Path, pieces: Iterator[bytes], make: Callable[[], Any], failure: type[Exception]
) -> Iterator[bytes]:
    """Decompress frames one after the other, in bounded memory."""
    frame, begun = make(), False
    try:
        for piece in pieces:
            data = piece
            while data or not frame.needs_input:
                begun = True
                yield frame.decompress(data, _PIECE)
                data = b""
                if frame.eof:
                    data, frame, begun = frame.unused_data, make(), False
    except failure as error:
        raise _damaged(path, str(error)) from error
    if begun:
        raise _damaged(path, "it ends too early")


def _damaged(path: Path, why: str) -> DamagedError:
    return DamagedError(
        f"{path} is damaged: {why}",
        hint="The live database was not touched. Was the file cut off on its way? Get it again, or another one.",
    )
