# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: annotation_typing=False
"""The codec byte by byte: Cython makes C of it, with the types in ``compiled.pxd``; :mod:`.plain` is its twin.

Written for the compiler: indexes instead of slices, and no object but those that come in and go out, so that it can
let go of the interpreter's lock. Nothing checks an index in what it becomes: each one stays within ``start`` and
``end``, or within ``target``, by what is compared before. The tests run this very source as Python, over buffers that
do check.
"""

from __future__ import annotations

import cython

_MORE = 0
_CUT = 1
_FULL = 2
_LONG = 3
_END = 4
_FAILED = 5
_MALFORMED = 6

# Variables, for which the compiler is told a type: such large numbers would be objects of Python's.
_MASK = 0xFFFFFFFFFFFFFFFF
_LOW = 0xFFFFFFFF
_FACTOR = 0xD6E8FEB86659FD93


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
    place = start
    rows = 0
    with cython.nogil:
        while True:
            why = _MORE
            if end - place < 4:
                break
            length = source[place] | source[place + 1] << 8 | source[place + 2] << 16
            if length == 0:
                why = _MALFORMED
                break
            position = place + 4
            if position >= end:
                break
            first = source[position]
            if first == 0xFF:
                why = _FAILED if length < 0x10000 else _MALFORMED
                break
            if source[place + 3] != ((number + rows) & 0xFF):
                why = _MALFORMED
                break
            if first == 0xFE and length < 9:
                why = _END
                break
            # A byte becomes two at most, and so does the length before a value: NULL, or a tab. A value of 0xFB takes
            # three where there was one, and one of them is the tab.
            need = 2 * length + columns
            if length == 0xFFFFFF or need > room:
                why = _LONG
                break
            if need > room - at:
                why = _FULL
                break
            stop = position + length
            if stop > end:
                break
            reach = _row(source, position, stop, columns, target, at)
            if reach < 0:
                why = _MALFORMED
                break
            place = stop
            rows += 1
            width = reach - at
            at = reach
            if at >= least and (_mixed(target, at - width, at) * span) >> 32 < width:
                why = _CUT
                break
    return why, place, at, rows


def _row(source: bytearray, position: int, stop: int, columns: int, target: bytearray, at: int) -> int:
    """Write one row from ``at`` on, and give where it ends; -1 if it is none of ``columns`` columns."""
    for _column in range(columns):
        if position >= stop:
            return -1
        first = source[position]
        position += 1
        if first == 0xFB:
            target[at] = 92
            target[at + 1] = 78
            target[at + 2] = 9
            at += 3
            continue
        if first < 0xFB:
            size = first
        elif first == 0xFC and stop - position >= 2:
            size = source[position] | source[position + 1] << 8
            position += 2
        elif first == 0xFD and stop - position >= 3:
            size = source[position] | source[position + 1] << 8 | source[position + 2] << 16
            position += 3
        else:
            return -1
        if size > stop - position:
            return -1
        # The compiler makes of this loop one over many bytes at once, and of the next one a copy.
        special = 0
        for index in range(position, position + size):
            special |= (source[index] == 92) | (source[index] <= 10)
        if special == 0:
            for index in range(size):
                target[at + index] = source[position + index]
            at += size
        else:
            at = _escape(source, position, position + size, target, at)
        position += size
        target[at] = 9
        at += 1
    if position != stop:
        return -1
    target[at - 1] = 10
    return at


def _escape(source: bytearray, position: int, stop: int, target: bytearray, at: int) -> int:
    """Write one value in which there may be bytes that need a backslash, and give where it ends."""
    for index in range(position, stop):
        byte = source[index]
        if byte == 92 or byte == 9 or byte == 10 or byte == 0:  # noqa: PLR1714 - no tuple in C
            target[at] = 92
            at += 1
            if byte == 9:
                byte = 116
            elif byte == 10:
                byte = 110
            elif byte == 0:
                byte = 48
        target[at] = byte
        at += 1
    return at


def _mixed(target: bytearray, row: int, stop: int) -> int:
    """Give 32 bits that depend on how the row begins, all of them on each of its first 24 bytes."""
    mix = 0
    for index in range(min(24, stop - row)):
        byte = target[row + index]
        mix ^= byte << (8 * (index & 7))
    mix ^= mix >> 32
    mix = (mix * _FACTOR) & _MASK
    mix ^= mix >> 32
    mix = (mix * _FACTOR) & _MASK
    mix ^= mix >> 32
    return mix & _LOW
