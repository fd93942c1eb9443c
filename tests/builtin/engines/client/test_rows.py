"""Checksums of rows in any order: what they look at, and that it is all one in what pieces the rows come."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from deckinfra.builtin.engines.client.rows import RowSum, RowText

ROWS = (
    b"(1,'a','[1.10, {\\\"k ( \\\": -2.0}]',-0),",
    b"\n(2,'it\\'s, -0,',NULL,-0.5),",
    b"(3,'','\\\\',-7),",
    b"(3,'','\\\\',-7);\n",
    b"(-0,0x0102,'123456789012345678901234','1.10\\\\');\n",
)


ALL = range(9)
"""The places of columns, each of which is said to hold JSON."""


def summed(text: bytes, size: int = 10**9, *, json: Collection[int] = ALL) -> str:
    """Give the checksum of rows that come in pieces of a size."""
    found = RowSum(json)
    for start in range(0, len(text), size):
        found.add(text[start : start + size])
    return found.hexdigest()


@pytest.mark.parametrize("json", [(), (2,), ALL], ids=str)
@pytest.mark.parametrize("size", [*range(1, 40), 64, 1000])
def test_the_pieces_and_the_order_do_not_count(size: int, json: Collection[int]) -> None:
    assert summed(b"".join(ROWS), size, json=json) == summed(b"".join(reversed(ROWS)), json=json)


@pytest.mark.parametrize("json", [(), (2,), ALL], ids=str)
@pytest.mark.parametrize("missing", range(len(ROWS)))
def test_every_row_counts_also_one_that_is_there_twice(missing: int, json: Collection[int]) -> None:
    fewer = ROWS[:missing] + ROWS[missing + 1 :]
    assert summed(b"".join(ROWS), json=json) != summed(b"".join(fewer), json=json)
    assert summed(b"", json=json) == "0" * 64


NUMBERS = [
    (b"(-0,1)", b"(0,1)"),
    (b"(1,-0)", b"(1,0)"),
    (b"('[1.10]')", b"('[1.1]')"),
    (b"('{\\\"a\\\": 2.00}')", b"('{\\\"a\\\": 2.0}')"),
    (b"('1.10')", b"('1.1')"),
    (b"('[1, 123456789012345678901234]')", b"('[1, 1.2345678901234568e23]')"),
    (b"('[0.1000000000000000055511151231257827]')", b"('[0.1]')"),
]
"""Rows that are the same, since a number is."""

OTHERS = [
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
]
"""Rows that are not."""


@pytest.mark.parametrize(("one", "other"), NUMBERS + OTHERS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_only_what_is_the_same_number_is_the_same(one: bytes, other: bytes, size: int) -> None:
    assert (summed(one, size) == summed(other)) == ((one, other) in NUMBERS)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_numbers_are_those_of_the_columns_that_hold_json(size: int) -> None:
    rows = b"(-0,'1.10','a,(\\',[1.10]','[1.10]'),(2,'1.5','','[2.0]');\n"
    same = rows.replace(b"),", b"),\n").replace(b"'[1.10]'),", b"'[1.1]'),")
    assert summed(rows, size, json=(3,)) == summed(same, json=(3,))
    for place, text in ((1, rows.replace(b"'1.10'", b"'1.1'")), (2, rows.replace(b",[1.10]'", b",[1.1]'"))):
        assert summed(rows, size, json=(3,)) != summed(text, json=(3,))
        assert summed(rows, size, json=(3, place)) == summed(text, json=(3, place))


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        (b"INSERT INTO `t` VALUES (1);\n", ()),
        (b"INSERT INTO `t``(x` (`a`, `b``, ``c`, `\xc3\xa4)`) VALUES (1,2,3);\n", ("a", "b`, `c", "\u00e4)")),
    ],
)
def test_the_columns_are_those_that_the_statement_names(statement: bytes, columns: tuple[str, ...]) -> None:
    text = RowText()
    assert text.columns == ()
    assert text.of(b"-- nothing\n", fresh=True) == b""
    assert text.of(statement, fresh=True).endswith(statement[statement.index(b" VALUES") + 8 :])
    assert text.columns == columns


@pytest.mark.parametrize("filler", [b"\\\\", b"9", b" ", b"\\'", b"e("])
def test_long_values_are_taken_in_pieces_too(filler: bytes) -> None:
    text = b"(1,'" + filler * 150_000 + b"','[1.5]'),(2,'x')"
    assert len({summed(text, size) for size in (997, 65536, 10**9)}) == 1
    assert summed(text) != summed(text.replace(b"[1.5]", b"[1.6]"))
