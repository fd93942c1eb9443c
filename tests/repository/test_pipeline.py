"""Work spread over threads: results in order, errors at once, and little in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from deckinfra.repository.pipeline import ordered_map


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_results_come_in_the_order_of_the_items(threads: int, count: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.001 * (number % 3))
        return number * 2

    assert list(ordered_map(work, range(count), threads)) == [number * 2 for number in range(count)]


def test_work_goes_on_at_once_in_several_threads() -> None:
    meeting = threading.Barrier(3)
    assert list(ordered_map(lambda number: (meeting.wait(30), number)[1], range(3), 3)) == [0, 1, 2]


def test_no_more_than_a_few_items_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    ahead = []
    for given, _ in enumerate(ordered_map(lambda number: number, items(), 3), start=1):
        ahead.append(taken - given)
    assert max(ahead) == 6


def test_the_first_error_ends_it_once_what_is_under_way_has_ended() -> None:
    done = []

    def work(number: int) -> int:
        if number == 2:
            raise ValueError(number)
        time.sleep(0.01)
        done.append(number)
        return number

    results = ordered_map(work, range(1000), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(results)
    ended = len(done)
    time.sleep(0.05)
    assert len(done) == ended < 10


def test_an_error_of_the_items_comes_through() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(ordered_map(lambda number: number, items(), 2))


def test_closing_it_ends_the_threads() -> None:
    before = threading.active_count()
    results = ordered_map(lambda number: number, range(1000), 4)
    assert next(results) == 0
    assert threading.active_count() > before
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
