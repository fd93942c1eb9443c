"""Chunks at a limited rate."""

from __future__ import annotations

import pytest

from deckinfra.ports import Chunk
from deckinfra.services.pace import paced


@pytest.mark.parametrize(("limit", "waited"), [(100, [1.0, 2.0]), (10_000, []), (0, [])])
def test_who_is_ahead_of_the_limit_waits(limit: float, waited: list[float]) -> None:
    now, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    chunks = [Chunk("table", "t", bytes(150)), Chunk("table", "t", bytes(200))]
    given = []
    for chunk in paced(chunks, limit, clock=lambda: now[0], sleep=sleep):
        given.append(chunk)
        now[0] += 0.5 if len(given) == 1 else 0.0
    assert (given, slept) == (chunks, waited)
