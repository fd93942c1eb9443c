"""Both codecs, and the compiled one's source as Python: right, the same for every input, and never out of bounds."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deckinfra.builtin.engines.mysql.codec import (
    CUT,
    END,
    FAILED,
    FULL,
    LONG,
    MALFORMED,
    MORE,
    Codec,
    chosen,
    codecs,
)
from deckinfra.errors import ConfigurationError
from tests.builtin.engines.mysql import support
from tests.builtin.engines.mysql.support import Row, codec_of, packed, packets, parsed

NEVER = 2**40
SPAN = 2**20

values = st.one_of(
    st.none(),
    st.sampled_from([b"", b"NULL", b"\\N", b"\\", b"\\\\", b"\t", b"\n", b"\0", b"\r\n", b"N", b"\xfb", b"\xff"]),
    st.binary(max_size=40),
    st.builds(lambda data, count: data * count, st.binary(min_size=1, max_size=3), st.integers(1, 400)),
)


@pytest.fixture(params=support.ALL)
def codec(request: pytest.FixtureRequest) -> Codec:
    return codec_of(request.param)


def run(
    codec: Codec,
    data: bytes,
    columns: int,
    *,
    number: int = 0,
    room: int = 4096,
    at: int = 0,
    least: int = NEVER,
    span: int = SPAN,
) -> tuple[int, int, int, int, bytes]:
    """Encode ``data``, and give the result and what was written, but for what is of no meaning."""
    target = bytearray(b"." * room)
    why, place, reach, rows = codec.encode(bytearray(data), 0, len(data), number, columns, target, at, least, span)
    return why, place, reach, rows, bytes(target[at:reach])


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ([b"1"], b"1\n"),
        ([b""], b"\n"),
        ([None], b"\\N\n"),
        ([b"", b""], b"\t\n"),
        ([None, b"NULL", b"", b"\\N"], b"\\N\tNULL\t\t\\\\N\n"),
        ([b"a\tb", b"a\nb", b"a\\b", b"a\0b"], b"a\\tb\ta\\nb\ta\\\\b\ta\\0b\n"),
        ([b"\\\\\t\n\0\0"], b"\\\\\\\\\\t\\n\\0\\0\n"),
        ([b"\r\x1a'\"\x08\x7f\x80\xfb\xff"], b"\r\x1a'\"\x08\x7f\x80\xfb\xff\n"),
        ([bytes(range(11, 92)) + bytes(range(93, 256))], bytes(range(11, 92)) + bytes(range(93, 256)) + b"\n"),
        ([b"x" * 250, b"y" * 251, b"z" * 300], b"x" * 250 + b"\t" + b"y" * 251 + b"\t" + b"z" * 300 + b"\n"),
    ],
)
def test_a_row_becomes_a_line(codec: Codec, row: Row, line: bytes) -> None:
    data = packed([row])
    assert run(codec, data, len(row)) == (MORE, len(data), len(line), 1, line)


@pytest.mark.parametrize("size", [250, 251, 65535, 65536, 70_000])
@pytest.mark.parametrize("byte", [b"a", b"\n"])
def test_a_value_of_any_length_is_whole(codec: Codec, size: int, byte: bytes) -> None:
    row = [None, byte * size, b"after"]
    why, _, _, rows, text = run(codec, packed([row, row]), 3, room=400_000)
    assert (why, rows, parsed(text)) == (MORE, 2, [row, row])


@pytest.mark.parametrize("name", ["compiled", "plain"])
def test_the_largest_packet_that_is_alone_is_a_row(name: str) -> None:
    data = b"z" * (0xFFFFFE - 4)
    why, _, reach, rows, text = run(codec_of(name), packed([[data]]), 1, room=2**25)
    assert (why, reach, rows) == (MORE, len(data) + 1, 1)
    assert text == data + b"\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", MORE),
        (b"\x02\0\0", MORE),
        (b"\0\0\0", MORE),
        (b"\x02\0\0\0", MORE),
        (b"\x02\0\0\0\x01", MORE),
        (packets([support.END]), END),
        (packets([b"\xfe\0\0"]), END),
        (packets([b"\xfe" + bytes(8)]), MALFORMED),
        (packets([b"\xff\x15\x04#28000no"]), FAILED),
        (packets([b"\xff"], number=9), FAILED),
        (b"\xff\xff\0\0\xff", FAILED),
        (b"\0\0\x01\0\xff", MALFORMED),
        (b"\xff\xff\xff\0\x01", LONG),
        (b"\xff\xff\xff\0\xfe", LONG),
        (b"\xff\xff\xff\x01\x01", MALFORMED),
        (b"\0\0\0\0", MALFORMED),
        (b"\0\0\0\0\0", MALFORMED),
        (packets([b"\x011"], number=1), MALFORMED),
        (packets([b"\x011"], number=255), MALFORMED),
        (packets([b"\x02a"]), MALFORMED),
        (packets([b"\x01ab"]), MALFORMED),
        (packets([b"\x01a\x01b"]), MALFORMED),
        (packets([b"\xfb\xfb"]), MALFORMED),
        (packets([b"\xfc\x01"]), MALFORMED),
        (packets([b"\xfc\x02\0a"]), MALFORMED),
        (packets([b"\xfd\x01\0"]), MALFORMED),
        (packets([b"\xfd\xff\xff\xffa"]), MALFORMED),
        (packets([b"\xfe\x01" + bytes(7) + b"a"]), MALFORMED),
    ],
)
def test_what_is_no_row_is_told_apart(codec: Codec, data: bytes, why: int) -> None:
    assert run(codec, data, 1) == (why, 0, 0, 0, b"")
    # The same behind a row, with what has been written left as it is.
    first = packed([[b"one"]])
    shifted = first + data if len(data) < 4 else first + data[:3] + bytes([(data[3] + 1) % 256]) + data[4:]
    assert run(codec, shifted, 1) == (why, len(first), 4, 1, b"one\n")


def test_a_row_with_fewer_values_than_columns_is_none(codec: Codec) -> None:
    assert run(codec, packed([[b"a", b"b"]]), 3)[0] == MALFORMED
    assert run(codec, packed([[b"a", b"b"]]), 1)[0] == MALFORMED


def test_numbers_of_packets_go_round(codec: Codec) -> None:
    rows = [[b"%d" % each] for each in range(600)]
    assert run(codec, packed(rows, 250), 1, number=250)[3] == 600
    twice = packed(rows[:300]) + packed(rows[299:], 299)
    assert run(codec, twice, 1)[::3] == (MALFORMED, 300)


def test_no_room_is_told_by_the_head_of_a_packet_alone(codec: Codec) -> None:
    row = packed([[b"x" * 100]])
    need = 2 * 101 + 1
    assert run(codec, row[:5], 1, room=need, at=0)[0] == MORE
    assert run(codec, row[:5], 1, room=need, at=1)[0] == FULL
    assert run(codec, row[:5], 1, room=need - 1, at=0)[0] == LONG
    assert run(codec, packets([support.END]), 1, room=need, at=need)[0] == END


def test_a_row_in_several_packets_is_long_whatever_room_there_is(codec: Codec) -> None:
    assert run(codec, b"\xff\xff\xff\0\x01", 1, room=2**26)[0] == LONG


def test_a_row_that_needs_all_the_room_has_it(codec: Codec) -> None:
    for row in ([b"\n" * 100], [None] * 7, [b""] * 7, [b"\0"], [None, b"\\" * 9, b""]):
        payload = b"".join(map(support.value, row))
        why, _, _, rows, text = run(codec, packets([payload]), len(row), room=2 * len(payload) + len(row))
        assert (why, rows, parsed(text)) == (MORE, 1, [list(row)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": -1},
        {"end": 99},
        {"start": 3, "end": 2},
        {"at": -1},
        {"at": 65},
        {"columns": 0},
        {"columns": 2**16},
        {"columns": 2**63 - 1},
        {"span": 0},
        {"span": 2**32 + 1},
    ],
    ids=str,
)
def test_places_outside_of_the_buffers_are_refused(codec: Codec, wrong: dict[str, int]) -> None:
    given_ = {"start": 0, "end": 8, "columns": 1, "at": 0, "span": SPAN} | wrong
    start, end, columns, at, span = given_.values()
    with pytest.raises(ValueError, match="outside"):
        codec.encode(bytearray(8), start, end, 0, columns, bytearray(64), at, 0, span)


@given(
    rows=st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(values, min_size=width, max_size=width))),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    number=st.integers(0, 255),
)
@settings(max_examples=150, deadline=None)
def test_rows_come_back_in_whatever_pieces_they_come(rows: list[Row], sizes: list[int], number: int) -> None:
    data, columns = packed([*rows], number) + packets([support.END], number + len(rows)), max(map(len, rows), default=1)
    for codec in _all():
        source, target = bytearray(data), bytearray(2**17)
        place = end = at = found = turn = 0
        why = MORE
        while why == MORE:
            end = min(len(data), end + sizes[turn % len(sizes)])
            turn += 1
            why, place, at, more = codec.encode(
                source, place, end, (number + found) % 256, columns, target, at, NEVER, SPAN
            )
            found += more
        assert (why, place, found) == (END, len(data) - 9, len(rows))
        assert parsed(bytes(target[:at])) == [list(row) for row in rows]


@st.composite
def _broken(draw: st.DrawFn) -> tuple[bytes, int]:
    """Give what is nearly an answer: rows with bytes changed, left out, put in and cut off."""
    columns = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(values, min_size=columns, max_size=columns), max_size=6))
    data = bytearray(packed(rows) + packets([support.END], len(rows)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(data) - 1)) if data else 0
        kind = draw(st.integers(0, 3))
        if kind == 0 and data:
            data[place] = draw(st.sampled_from([0, 1, 9, 92, 250, 251, 252, 253, 254, 255]) | st.integers(0, 255))
        elif kind == 1:
            del data[place : place + draw(st.integers(1, 5))]
        elif kind == 2:
            data[place:place] = draw(st.binary(min_size=1, max_size=5))
        else:
            del data[place:]
    return bytes(data), draw(st.sampled_from([columns, columns, columns, columns + 1, max(1, columns - 1), 5000]))


@given(
    broken=_broken() | st.tuples(st.binary(max_size=60), st.integers(1, 5)),
    at=st.integers(0, 40),
    room=st.integers(40, 700),
    least=st.integers(0, 100),
    span=st.sampled_from([1, 10, 100, 1000, 2**31, 2**32]),
)
@example((packed([[b"a" * 30, None]] * 8), 2), 0, 700, 0, 100)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_all_give_the_same(broken: tuple[bytes, int], at: int, room: int, least: int, span: int) -> None:
    data, columns = broken
    found = [run(codec, data, columns, at=at, room=room, least=least, span=span) for codec in _all()]
    assert found[1:] == found[:-1]


def _all() -> list[Codec]:
    return [*codecs().values(), codec_of("source")]


def chunks(codec: Codec, rows: list[Row], least: int, span: int) -> list[bytes]:
    """Give the rows' lines, cut."""
    data, target, place, at, found = bytearray(packed(rows)), bytearray(2**20), 0, 0, 0
    cut: list[bytes] = []
    why = CUT
    while why == CUT:
        why, place, at, more = codec.encode(data, place, len(data), found % 256, len(rows[0]), target, 0, least, span)
        found += more
        cut.append(bytes(target[:at]))
    assert why == MORE
    return cut


def _people(count: int) -> list[Row]:
    random = Random(7)
    return [[b"%d" % each, b"player %d" % random.randrange(10**6), b"\t" * (each % 5)] for each in range(count)]


def test_chunks_end_where_what_is_in_the_rows_says(codec: Codec) -> None:
    rows = _people(3000)
    cut = chunks(codec, rows, 2000, 2000)
    assert b"".join(cut) == chunks(codec, rows, NEVER, SPAN)[0]
    sizes = [len(each) for each in cut[:-1]]
    assert min(sizes) >= 2000
    assert 3000 < sum(sizes) / len(sizes) < 5000
    assert cut == chunks(codec_of("plain"), rows, 2000, 2000)


def test_a_change_changes_the_chunk_that_it_is_in_and_few_others(codec: Codec) -> None:
    rows = _people(3000)
    before = chunks(codec, rows, 2000, 2000)
    for after in (rows[1:], [*rows[:1000], [b"0", b"new", b""], *rows[1000:]], rows[:2000] + rows[2003:]):
        assert len(set(chunks(codec, after, 2000, 2000)) - set(before)) <= 4


def test_one_row_in_span_bytes_is_the_last_of_a_chunk(codec: Codec) -> None:
    rows: list[Row] = [[b"%d" % (each * 7919), b"x" * 90] for each in range(4000)]
    sizes = [len(each) for each in chunks(codec, rows, 0, 1000)]
    assert 800 < sum(sizes) / len(sizes) < 1250
    assert len({after - before for before, after in pairwise(sizes)}) > 5


def test_the_fastest_is_used_unless_told_otherwise() -> None:
    assert chosen({}).name == next(iter(codecs()))
    assert chosen({"DECKINFRA_CODEC": ""}) == chosen({})
    assert chosen({"DECKINFRA_CODEC": "plain"}).name == "plain"
    with pytest.raises(ConfigurationError, match="DECKINFRA_CODEC=quick is no codec"):
        chosen({"DECKINFRA_CODEC": "quick"})


def test_the_compiled_one_is_used_where_there_is_one() -> None:
    assert chosen({}) == chosen({"DECKINFRA_CODEC": "compiled"}) == codec_of("compiled")
