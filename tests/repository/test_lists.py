"""Lists of chunks."""

from __future__ import annotations

import pytest

from deckinfra.errors import DamagedError
from deckinfra.repository.lists import ChunkEntry, decode_list, encode_list

ONE, TWO = ChunkEntry("ab" * 32, 262_144), ChunkEntry("cd" * 32, 0)


def test_a_list_is_lines_of_id_and_size() -> None:
    assert encode_list([ONE, TWO]) == f"{'ab' * 32} 262144\n{'cd' * 32} 0\n".encode()
    assert decode_list(encode_list([ONE, TWO]), "it") == [ONE, TWO]


def test_an_empty_list_is_one_too() -> None:
    assert decode_list(encode_list([]), "it") == []


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\n",
        f"{'ab' * 32}\n".encode(),
        f"{'ab' * 31} 1\n".encode(),
        f"{'AB' * 32} 1\n".encode(),
        f"{'ab' * 32} -1\n".encode(),
        f"{'ab' * 32} 1 2\n".encode(),
        f"{'ab' * 32} 1234567890\n".encode(),
        f"{'ab' * 32} 1\r\n\n".encode(),
        f"{'ab' * 32} \xb2\n".encode("latin-1"),
        b"\xff" * 64 + b" 1\n",
    ],
)
def test_what_is_no_list_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedError, match="it is not a list of chunks"):
        decode_list(data, "it")
