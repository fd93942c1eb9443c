"""How an object is named and how it is stored: a keyed BLAKE2b of its content, and one zstd frame."""

from __future__ import annotations

import hashlib
import sys
from typing import Final

from deckinfra.errors import DamagedError
from deckinfra.ports import MAX_BLOB

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_DIGEST_SIZE: Final = 32


class Codec:
    """Names, writes and reads objects. ``key`` is the repository's; ``level`` is zstd's. Thread-safe."""

    def __init__(self, key: bytes, level: int = 3) -> None:
        self._key = key
        self._options = {
            int(zstd.CompressionParameter.compression_level): level,
            int(zstd.CompressionParameter.checksum_flag): 1,
        }

    def identity(self, data: bytes) -> str:
        """Give the id of the object with this content: 64 hexadecimal digits, of no use without the key."""
        return hashlib.blake2b(data, key=self._key, digest_size=_DIGEST_SIZE).hexdigest()

    def encode(self, data: bytes) -> bytes:
        """Give what is stored for ``data``."""
        return zstd.compress(data, options=self._options)

    def decode(self, identity: str, stored: bytes) -> bytes:
        """Give the content of the object ``identity``; :class:`DamagedError` if ``stored`` is anything else."""
        data = _decompressed(identity, stored)
        if self.identity(data) != identity:
            raise _other(identity)
        return data

    def check(self, identity: str, stored: bytes, data: bytes) -> None:
        """Raise :class:`DamagedError` unless ``stored`` holds ``data``, whose id is ``identity``."""
        if _decompressed(identity, stored) != data:
            raise _other(identity)


def _decompressed(identity: str, stored: bytes) -> bytes:
    try:
        decompressor = zstd.ZstdDecompressor()
        data = decompressor.decompress(stored, max_length=MAX_BLOB + 1)
    except zstd.ZstdError as error:
        raise DamagedError(f"object {identity[:12]}… cannot be decompressed: {error}") from error
    if not decompressor.eof or decompressor.unused_data:
        raise _other(identity)
    return data


def _other(identity: str) -> DamagedError:
    return DamagedError(f"object {identity[:12]}… does not hold what was written to it")
