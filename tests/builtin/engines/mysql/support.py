"""Packets as a server sends them, and the codecs: both, and the source of the compiled one, run as Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from deckinfra.builtin.engines.mysql import codec
from deckinfra.builtin.engines.mysql.codec import Codec, Encode

Row = Sequence[bytes | None]

ALL = ("compiled", "plain", "source")

_ESCAPES = {ord("\\"): b"\\", ord("t"): b"\t", ord("n"): b"\n", ord("0"): b"\0"}


def codec_of(name: str) -> Codec:
    """Give a codec, or ``source``: what the compiled one is made of, over buffers that check every index.

    Skips the test where there is no compiled one; fails it where ``DECKINFRA_REQUIRE`` names ``codec``.
    """
    if name == "source":
        return Codec(name, checking(_source_of_compiled()))
    found = codec.codecs()
    if name not in found:
        advice = "there is no compiled codec: install a C compiler and Python's headers, then scripts/setup-env.sh"
        if "codec" in os.environ.get("DECKINFRA_REQUIRE", "").replace(",", " ").split():
            pytest.fail(advice)
        pytest.skip(advice)
    return found[name]


def _source_of_compiled() -> Encode:
    path = Path(codec.__file__).with_name("compiled.py")
    loader = SourceFileLoader("source_of_compiled", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    found: Encode = module.encode
    return found


class _Checked(bytearray):
    """Bytes of which none may be read or written one by one from ``limit`` on, nor counted from the end."""

    limit = 0

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        assert 0 <= index < self.limit, f"read at {index} of {self.limit}"
        return super().__getitem__(index)

    def __setitem__(self, index, value):  # type: ignore[no-untyped-def]
        assert 0 <= index < self.limit, f"written at {index} of {self.limit}"
        super().__setitem__(index, value)


def checking(encode: Encode) -> Encode:
    """Give the same with buffers that raise AssertionError for what would be out of bounds in C."""

    def checked(
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
        read, written = _Checked(source), _Checked(target)
        read.limit, written.limit = end, len(target)
        done = encode(read, start, end, number, columns, written, at, least, span)
        target[:] = bytes(written)
        return done

    return checked


def value(data: bytes | None) -> bytes:
    """Give a value as it stands in a packet."""
    if data is None:
        return b"\xfb"
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    if size < 2**16:
        return b"\xfc" + size.to_bytes(2, "little") + data
    if size < 2**24:
        return b"\xfd" + size.to_bytes(3, "little") + data
    return b"\xfe" + size.to_bytes(8, "little") + data


def packets(payloads: Iterable[bytes], number: int = 0, whole: int = 0xFFFFFF) -> bytes:
    """Give packets with these payloads; one that is too long goes on in the next."""
    found = bytearray()
    for payload in payloads:
        left = payload
        while True:
            part, left = left[:whole], left[whole:]
            found += len(part).to_bytes(3, "little") + bytes([number % 256]) + part
            number += 1
            if len(part) < whole:
                break
    return bytes(found)


def packed(rows: Iterable[Row], number: int = 0) -> bytes:
    """Give the packets of rows."""
    return packets((b"".join(map(value, row)) for row in rows), number)


END = b"\xfe\0\0\x02\0"


def parsed(text: bytes) -> list[list[bytes | None]]:
    """Read lines as ``LOAD DATA`` does, one byte after the other."""
    assert not text or text.endswith(b"\n")
    return [[_value_of(field) for field in line.split(b"\t")] for line in text.split(b"\n")[:-1]]


def _value_of(field: bytes) -> bytes | None:
    if field == b"\\N":
        return None
    found, place = bytearray(), 0
    while place < len(field):
        if field[place] == ord("\\"):
            found += _ESCAPES[field[place + 1]]
            place += 2
        else:
            found.append(field[place])
            place += 1
    return bytes(found)
