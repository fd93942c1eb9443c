"""A row that is too long for the codec's buffer, in pieces: as much of it as one piece is in memory, and no more.

What its values hold, :func:`.codec.plain.escaped` writes: a row like this is one of few, long values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .codec.plain import escaped
from .wire import Payload, Wire

_NULL: Final = 0xFB
_WIDTHS: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_AT_ONCE: Final = 256 * 1024


def pieces(wire: Wire, columns: int, most: int) -> Iterator[bytes]:
    """Give the next row as a line, in pieces of ``most`` bytes each but for the last, which is not empty."""
    text = bytearray()
    for part in _parts(wire, columns):
        text += part
        while len(text) > most:
            with memoryview(text) as view:
                piece = bytes(view[:most])
            del text[:most]
            yield piece
    yield bytes(text)


def _parts(wire: Wire, columns: int) -> Iterator[bytes]:
    payload = Payload(wire)
    for column in range(columns):
        if column:
            yield b"\t"
        first = payload.exactly(1)[0]
        if first == _NULL:
            yield b"\\N"
            continue
        if first > _NULL and first not in _WIDTHS:
            raise wire.odd()
        left = int.from_bytes(payload.exactly(_WIDTHS[first]), "little") if first in _WIDTHS else first
        while left:
            value = payload.some(min(left, _AT_ONCE))
            left -= len(value)
            yield escaped(value)
    if not payload.is_over():
        raise wire.odd()
    yield b"\n"
