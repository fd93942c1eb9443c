from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.proof import Listed, Proof
from deckinfra.core.settings import Stage
from deckinfra.services.backed_up import unreliable
from deckinfra.testing import MemoryStore
from tests.repository.support import NOON, open_repository, publish

GOOD: tuple[str, ...] = ()
BAD = ("it is gone",)


def _taken(hours: float, problems: Sequence[str] | None) -> Listed:
    """Make a snapshot so many hours before noon, with a proof that found ``problems``; None: with no proof."""
    manifest = publish(open_repository(MemoryStore()), {"cards": [b"1"]}, time=NOON - timedelta(hours=hours))
    found = None if problems is None else Proof(manifest.id, "drill", NOON, 1.0, "host", 1, tuple(problems))
    return Listed(manifest, found)


def test_a_sample_that_found_nothing_is_no_test_and_wrong_data_is_told_as_what_it_is() -> None:
    sampled, drilled = _taken(0, GOOD), _taken(1, BAD)
    assert sampled.proof is not None
    assert drilled.proof is not None
    sampled = replace(sampled, proof=replace(sampled.proof, kind="sample"))
    assert (unreliable([sampled], Stage.TEST, NOON) or ("",))[0] == "no backup was ever proven to restore"
    assert (unreliable([sampled, drilled], Stage.TEST, NOON) or ("",))[0].endswith("is bad: it is gone")
    drilled = replace(drilled, proof=replace(drilled.proof, queries=("one",), failed=("one",)))
    said = f"the last backup that was drilled, {drilled.manifest.id}, restores, and its data may be wrong: it is gone"
    assert (unreliable([sampled, drilled], Stage.TEST, NOON) or ("",))[0] == said


@pytest.mark.parametrize(
    ("stage", "taken", "said"),
    [
        (Stage.PRODUCTION, [], "there is no backup"),
        (Stage.PRODUCTION, [(26, GOOD)], ""),
        (Stage.PRODUCTION, [(26.1, GOOD)], "the newest backup is 1 d 2 h old"),
        (Stage.DEVELOPMENT, [(30 * 24, GOOD)], ""),
        (Stage.TEST, [(30 * 24 + 1, GOOD)], "the newest backup is 30 d 1 h old"),
        (Stage.TEST, [(-1, GOOD)], "snapshot {0} is from the future"),
        (Stage.TEST, [(0, None), (1, None)], "no backup was ever proven to restore"),
        (Stage.TEST, [(0, None), (1, GOOD), (2, BAD)], ""),
        (Stage.TEST, [(0, BAD), (1, GOOD)], "the newest backup is bad: it is gone"),
        (Stage.TEST, [(0, None), (1, BAD), (2, GOOD)], "the last backup that was looked at, {1}, is bad: it is gone"),
    ],
)
def test_what_makes_backups_unreliable_is_said(
    stage: Stage, taken: Sequence[tuple[float, Sequence[str] | None]], said: str
) -> None:
    listed = [_taken(hours, problems) for hours, problems in taken]
    wrong = unreliable(listed, stage, NOON)
    assert ("" if wrong is None else wrong[0]) == said.format(*(entry.manifest.id for entry in listed))
    assert wrong is None or wrong[1], "what is wrong comes with what to do"
