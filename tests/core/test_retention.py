"""Retention: tables of what there is, what is asked for, and what stays."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deckinfra.core.retention import Policy, decide


def _snapshots(*moments: str) -> list[tuple[str, datetime]]:
    """Give snapshots named by their moment, written ``2026-11-22 21:34``."""
    return [(moment, datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in moments]


YEAR_END = _snapshots(
    "2025-12-28 10:00",  # Sunday, week 52
    "2025-12-29 10:00",  # Monday, week 1 of 2026
    "2025-12-31 23:59",
    "2026-01-01 00:00",
    "2026-01-04 10:00",  # Sunday, still week 1
    "2026-01-04 12:00",
    "2026-01-05 10:00",  # Monday, week 2
)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (Policy(), {"2026-01-05 10:00": ("newest",)}),
        (Policy(last=1), {"2026-01-05 10:00": ("last",)}),
        (Policy(last=2), {"2026-01-05 10:00": ("last",), "2026-01-04 12:00": ("last",)}),
        (
            Policy(daily=3),
            {"2026-01-05 10:00": ("newest", "daily"), "2026-01-04 12:00": ("daily",), "2026-01-01 00:00": ("daily",)},
        ),
        (
            Policy(weekly=3),
            {
                "2026-01-05 10:00": ("newest", "weekly"),
                "2026-01-04 12:00": ("weekly",),
                "2025-12-28 10:00": ("weekly",),
            },
        ),
        (Policy(monthly=9), {"2026-01-05 10:00": ("newest", "monthly"), "2025-12-31 23:59": ("monthly",)}),
        (
            Policy(last=1, daily=1, weekly=1, monthly=2),
            {"2026-01-05 10:00": ("last", "daily", "weekly", "monthly"), "2025-12-31 23:59": ("monthly",)},
        ),
        (Policy(last=99), {identity: ("last",) for identity, _ in YEAR_END}),
    ],
)
def test_each_rule_keeps_the_newest_of_its_periods(policy: Policy, kept: dict[str, tuple[str, ...]]) -> None:
    decisions = decide(YEAR_END, policy)
    assert {decision.snapshot: decision.reasons for decision in decisions if decision.keep} == kept
    assert all(decision.reasons == () for decision in decisions if not decision.keep)


def test_decisions_come_newest_first_whatever_the_order_given() -> None:
    shuffled = YEAR_END.copy()
    random.Random(1).shuffle(shuffled)
    policy = Policy(last=1, weekly=2)
    assert decide(shuffled, policy) == decide(YEAR_END, policy)
    assert [decision.snapshot for decision in decide(shuffled, policy)] == [name for name, _ in reversed(YEAR_END)]


def test_what_is_protected_stays_and_what_is_not_there_is_no_matter() -> None:
    decisions = decide(YEAR_END, Policy(last=1), protected={"2025-12-29 10:00": ("a", "b"), "gone": ("c",)})
    assert [(d.snapshot, d.reasons) for d in decisions if d.keep] == [
        ("2026-01-05 10:00", ("last",)),
        ("2025-12-29 10:00", ("a", "b")),
    ]


def test_days_are_those_of_utc() -> None:
    east = timezone(timedelta(hours=10))
    moments = [datetime(2026, 5, 2, 5, 0, tzinfo=east), datetime(2026, 5, 1, 12, 0, tzinfo=east)]
    kept = [decision.keep for decision in decide([("b", moments[0]), ("a", moments[1])], Policy(daily=2))]
    assert kept == [True, False]


def test_of_two_in_one_second_the_greater_id_counts_as_newer() -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    assert [d.snapshot for d in decide([("a", moment), ("b", moment)], Policy(last=1)) if d.keep] == ["b"]


def test_days_without_a_snapshot_do_not_count() -> None:
    sparse = _snapshots("2020-02-29 00:00", "2023-07-01 00:00", "2026-01-01 00:00")
    assert all(decision.keep for decision in decide(sparse, Policy(daily=3)))


def test_of_nothing_nothing_is_kept() -> None:
    assert decide([], Policy(last=3), protected={"x": ("y",)}) == ()


def test_a_hundred_days_of_hourly_backups_shrink_to_what_was_asked() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hourly = [(f"{hour:05}", start + timedelta(hours=hour)) for hour in range(100 * 24)]
    kept = [d for d in decide(hourly, Policy(last=7, daily=7, weekly=4, monthly=12)) if d.keep]
    assert len(kept) == 7 + 6 + 2 + 3  # what several rules keep is counted with the first of them
    assert max(identity for identity, _ in hourly) == kept[0].snapshot
