from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deckinfra.core.proof import Proof
from deckinfra.tasks.text import (
    amount,
    count,
    duration,
    inventory,
    listing,
    moment,
    proof_kind,
    proof_result,
    queries,
    size,
)


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


def test_a_proof_is_told_at_a_glance() -> None:
    drill = Proof("20261122", "drill", datetime(2026, 11, 22, tzinfo=UTC), 1.0, "host", 1)
    assert (proof_kind(drill), proof_result(drill), queries(drill)) == ("drill", "good", "no smoke queries")
    asked = replace(drill, queries=("one", "two"), compared={"file": 1, "rows": 2, "table": 1, "view": 2}, rows=3)
    assert (proof_result(asked), queries(asked)) == ("good, 2 queries", "2 smoke queries")
    assert inventory(asked) == "1 table with 3 rows, 2 views, 3 parts of the engine's own"
    assert inventory(replace(asked, compared={"table": 2}, rows=1)) == "2 tables with 1 row"
    assert proof_result(replace(asked, failed=("one",), problems=("it is",))) == "1 of 2 QUERIES FAILED"
    assert proof_result(replace(asked, problems=("it is gone",))) == "BAD"
    assert proof_kind(replace(drill, kind="sample", percent=12.5)) == "sample of 12.5 %"
