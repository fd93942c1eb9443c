from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deckinfra.tasks.text import amount, count, duration, listing, moment, size


@pytest.mark.parametrize(
    ("bytes_", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_500_000, "1.4 MiB"),
        (2**30, "1.0 GiB"),
        (5 * 2**40, "5.0 TiB"),
    ],
)
def test_sizes_have_a_unit_that_fits(bytes_: int, expected: str) -> None:
    assert expected == size(bytes_)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (250, "4 min 10 s"), (7500, "2 h 5 min")]
)
def test_durations_have_a_unit_that_fits(seconds: float, expected: str) -> None:
    assert expected == duration(seconds)


def test_counts_have_the_right_plural() -> None:
    assert [count(1, "row"), count(2000, "row"), count(0, "entry", "entries")] == ["1 row", "2,000 rows", "0 entries"]


def test_amounts_are_sizes_or_numbers() -> None:
    assert [amount(2048, "bytes"), amount(2048, "rows")] == ["2.0 KiB", "2,048 rows"]


def test_lists_are_joined_or_said_to_be_empty() -> None:
    assert [listing(["a", "b"]), listing([]), listing([], "-")] == ["a, b", "none", "-"]


def test_moments_are_in_utc() -> None:
    assert moment(datetime(2026, 11, 22, 21, 0, tzinfo=UTC)) == "2026-11-22T21:00:00Z"
