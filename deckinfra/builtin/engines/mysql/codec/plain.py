"""The codec with the means of Python alone, for where no C compiler was at hand; :mod:`.compiled` is its twin."""

from __future__ import annotations

import re
from typing import Final

_SPECIAL: Final = re.compile(rb"[\x00\t\n\\]")
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_FACTOR: Final = 0xD6E8FEB86659FD93


def encode(
    source: bytearray,
    start: int,
    end: int,
    number: int,
    columns: int,
    target: bytearray,
    at: int,
    least: int,
    span: int,
) -> tuple[int, int, int, int]:
    """See :class:`deckinfra.builtin.engines.mysql.codec.Encode`."""
    room = len(target)
    is_inside = 0 <= start <= end <= len(source) and 0 <= at <= room
    if not (is_inside and 0 < columns <= 0xFFFF and 0 < span <= 0x100000000):
        raise ValueError("the places, the columns or the span are outside of what there can be")
    place, rows = start, 0
    while True:
        if end - place < 4:
            return 0, place, at, rows
        length = source[place] | source[place + 1] << 8 | source[place + 2] << 16
        position = place + 4
        if length == 0:
            return 6, place, at, rows
        if position >= end:
            return 0, place, at, rows
        first = source[position]
        if first == 0xFF:
            return 5 if length < 0x10000 else 6, place, at, rows
        if source[place + 3] != (number + rows) & 0xFF:
            return 6, place, at, rows
        if first == 0xFE and length < 9:
            return 4, place, at, rows
        need = 2 * length + columns
        if length == 0xFFFFFF or need > room:
            return 3, place, at, rows
        if need > room - at:
            return 2, place, at, rows
        if position + length > end:
            return 0, place, at, rows
        row = _row(bytes(source[position : position + length]), columns)
        if row is None:
            return 6, place, at, rows
        size = len(row)
        target[at : at + size] = row
        at += size
        place = position + length
        rows += 1
        if at >= least and (_mixed(row) * span) >> 32 < size:
            return 1, place, at, rows


def escaped(value: bytes) -> bytes:
    """Give a value, or a part of one, as it stands in a line."""
    if not _SPECIAL.search(value):
        return value
    # The backslash first, for the others bring one.
    return value.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\0", b"\\0")


def _row(packet: bytes, columns: int) -> bytes | None:
    """Give one row as a line, or None if it is none of ``columns`` columns."""
    # Where there is nothing to escape in all of it, lengths and all, there is nothing in any value.
    is_plain = not _SPECIAL.search(packet)
    fields = []
    position, stop = 0, len(packet)
    for _ in range(columns):
        if position >= stop:
            return None
        size = packet[position]
        position += 1
        if size >= 251:
            if size == 251:
                fields.append(b"\\N")
                continue
            width = size - 250
            if width > 3 or stop - position < width:
                return None
            size = int.from_bytes(packet[position : position + width], "little")
            position += width
        value = packet[position : position + size]
        position += size
        if position > stop:
            return None
        fields.append(value if is_plain else escaped(value))
    return b"\t".join(fields) + b"\n" if position == stop else None


def _mixed(row: bytes) -> int:
    """Give 32 bits that depend on how the row begins."""
    word = int.from_bytes(row[:24], "little")
    mix = (word ^ word >> 64 ^ word >> 128) & _MASK
    for _ in range(2):
        mix ^= mix >> 32
        mix = (mix * _FACTOR) & _MASK
    return (mix ^ mix >> 32) & 0xFFFFFFFF
