"""Checksums of rows in any order: what they look at, and that it is all one in what pieces the rows come."""

from __future__ import annotations

import pytest

from deckinfra.builtin.engines.client.rows import RowSum

ROWS = (
    b"(1,'a','[1.10, {\\\"k ( \\\": -2.0}]',-0),",
    b"\n(2,'it\\'s, -0,',NULL,-0.5),",
    b"(3,'','\\\\',-7),",
    b"(3,'','\\\\',-7);\n",
    b"(-0,0x0102,'123456789012345678901234','1.10\\\\');\n",
)


def summed(text: bytes, size: int = 10**9, *, json: bool = True) -> str:
    """Give the checksum of rows that come in pieces of a size."""
    found = RowSum(json=json)
    for start in range(0, len(text), size):
        found.add(text[start : start + size])
    return found.hexdigest()


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("size", [*range(1, 40), 64, 1000])
def test_the_pieces_and_the_order_do_not_count(size: int, json: bool) -> None:
    assert summed(b"".join(ROWS), size, json=json) == summed(b"".join(reversed(ROWS)), json=json)


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("missing", range(len(ROWS)))
def test_every_row_counts_also_one_that_is_there_twice(missing: int, json: bool) -> None:
    fewer = ROWS[:missing] + ROWS[missing + 1 :]
    assert summed(b"".join(ROWS), json=json) != summed(b"".join(fewer), json=json)
    assert summed(b"", json=json) == "0" * 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"(-0,1)", b"(0,1)"),
        (b"(1,-0)", b"(1,0)"),
        (b"('[1.10]')", b"('[1.1]')"),
        (b"('{\\\"a\\\": 2.00}')", b"('{\\\"a\\\": 2.0}')"),
        (b"('1.10')", b"('1.1')"),
        (b"('[1, 123456789012345678901234]')", b"('[1, 1.2345678901234568e23]')"),
        (b"('[0.1000000000000000055511151231257827]')", b"('[0.1]')"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_the_same_number_is_the_same(one: bytes, other: bytes, size: int) -> None:
    assert summed(one, size) == summed(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"(-1)", b"(1)"),
        (b"('-0')", b"('0')"),
        (b"('(-0,')", b"('(0,')"),
        (b"(-0.5)", b"(0.5)"),
        (b"('[1.10]')", b"('[1.11]')"),
        (b"('[1.10]')", b"('[-1.10]')"),
        (b"('x1.10')", b"('x1.1')"),
        (b"('10.0.0.1')", b"('10.0.0.10')"),
        (b"('[9007199254740993]')", b"('[9007199254740992]')"),
        (b"('[18446744073709551615]')", b"('[18446744073709551614]')"),
        (b"('[1e999]')", b"('[1e998]')"),
        (b"(1,2),(3,4)", b"(1,4),(3,2)"),
        (b"('a','b')", b"('a,b')"),
        (b"(NULL)", b"('NULL')"),
        (b"('a\\'),(')", b"('a\\'),((')"),
    ],
)
def test_what_is_not_the_same_is_not(one: bytes, other: bytes) -> None:
    assert summed(one) != summed(other)


def test_without_json_in_a_table_its_texts_are_compared_to_the_byte() -> None:
    assert summed(b"('1.10')", json=False) != summed(b"('1.1')", json=False)


@pytest.mark.parametrize("filler", [b"\\\\", b"9", b" ", b"\\'", b"e("])
def test_long_values_are_taken_in_pieces_too(filler: bytes) -> None:
    text = b"(1,'" + filler * 150_000 + b"','[1.5]'),(2,'x')"
    assert len({summed(text, size) for size in (997, 65536, 10**9)}) == 1
    assert summed(text) != summed(text.replace(b"[1.5]", b"[1.6]"))
