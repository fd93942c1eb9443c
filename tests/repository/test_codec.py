"""Objects: named by their content, stored as one zstd frame, and never read back as anything else."""

from __future__ import annotations

import hashlib
import random
import sys

import pytest

from deckinfra.errors import DamagedError
from deckinfra.ports import MAX_BLOB
from deckinfra.repository.codec import Codec

from .support import flip

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEY = bytes(range(32))
CODEC = Codec(KEY)
TEXT = b"Knight, 3 elixir. " * 40
NOISE = random.Random(1).randbytes(700)


@pytest.mark.parametrize("data", [b"", b"x", TEXT, NOISE, b"\0" * 1_000_000], ids=len)
@pytest.mark.parametrize("level", [1, 3, 19])
def test_what_is_encoded_is_decoded(data: bytes, level: int) -> None:
    codec = Codec(KEY, level)
    assert codec.decode(codec.identity(data), codec.encode(data)) == data


def test_an_id_is_the_keyed_blake2b_that_the_format_documents() -> None:
    assert CODEC.identity(TEXT) == hashlib.blake2b(TEXT, key=KEY, digest_size=32).hexdigest()
    assert CODEC.identity(TEXT) != Codec(bytes(32)).identity(TEXT)


def test_what_is_stored_is_one_plain_zstd_frame_with_a_checksum() -> None:
    stored = CODEC.encode(TEXT)
    assert zstd.decompress(stored) == TEXT
    assert zstd.get_frame_info(stored).decompressed_size == len(TEXT)
    with pytest.raises(zstd.ZstdError, match="checksum"):
        zstd.decompress(flip(stored, len(stored) - 1))


@pytest.mark.parametrize("data", [TEXT, NOISE], ids=["text", "noise"])
def test_no_flipped_bit_is_ever_read_as_other_data(data: bytes) -> None:
    identity, stored = CODEC.identity(data), CODEC.encode(data)
    harmless = 0
    for position in range(len(stored)):
        for bit in range(8):
            try:
                read = CODEC.decode(identity, flip(stored, position, bit))
            except DamagedError:
                continue
            assert read == data
            harmless += 1
    assert harmless < 16, "only bits of the frame's header mean nothing"


@pytest.mark.parametrize("length", range(0, len(CODEC.encode(TEXT)), 7))
def test_what_is_cut_short_is_damaged(length: int) -> None:
    with pytest.raises(DamagedError):
        CODEC.decode(CODEC.identity(TEXT), CODEC.encode(TEXT)[:length])


@pytest.mark.parametrize("more", [b"\0", b"more", CODEC.encode(b""), CODEC.encode(TEXT)])
def test_what_has_more_behind_it_is_damaged(more: bytes) -> None:
    with pytest.raises(DamagedError, match="does not hold what was written"):
        CODEC.decode(CODEC.identity(TEXT), CODEC.encode(TEXT) + more)


def test_another_object_in_its_place_is_damage() -> None:
    with pytest.raises(DamagedError, match="does not hold what was written"):
        CODEC.decode(CODEC.identity(TEXT), CODEC.encode(NOISE))


def test_what_was_stored_under_another_key_is_damage() -> None:
    with pytest.raises(DamagedError, match="does not hold what was written"):
        Codec(bytes(32)).decode(CODEC.identity(TEXT), CODEC.encode(TEXT))


def test_a_frame_that_would_fill_the_memory_is_not_unpacked() -> None:
    bomb = zstd.compress(bytes(MAX_BLOB + 2))
    with pytest.raises(DamagedError, match="does not hold what was written"):
        CODEC.decode(CODEC.identity(b""), bomb)
