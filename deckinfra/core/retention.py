"""Which snapshots to keep: a pure function of what there is and of what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True)
class Policy:
    """How many snapshots to keep: the newest ``last``, and the newest of each of so many days, weeks, months.

    Days, ISO weeks and months are UTC's, and those without a snapshot do not count. Zero switches a rule off.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0


@dataclass(frozen=True)
class Decision:
    """What retention says of one snapshot: kept or not, and why."""

    snapshot: str
    keep: bool
    reasons: tuple[str, ...] = field(default=())


def _day(moment: datetime) -> object:
    return moment.astimezone(UTC).date()


def _week(moment: datetime) -> object:
    return moment.astimezone(UTC).isocalendar()[:2]


def _month(moment: datetime) -> object:
    utc = moment.astimezone(UTC)
    return utc.year, utc.month


_PERIODS: Final[Sequence[tuple[str, Callable[[datetime], object]]]] = (
    ("daily", _day),
    ("weekly", _week),
    ("monthly", _month),
)


def decide(
    snapshots: Sequence[tuple[str, datetime]], policy: Policy, protected: Mapping[str, Sequence[str]] = {}
) -> tuple[Decision, ...]:
    """Decide for each ``(id, time)`` whether ``policy`` keeps it; newest first, whatever the order given.

    The newest snapshot is always kept, and so is each in ``protected``, for the reasons given there.
    """
    ordered = sorted(snapshots, key=lambda entry: (entry[1], entry[0]), reverse=True)
    reasons: dict[str, list[str]] = {identity: [] for identity, _ in ordered}
    for position, (identity, _) in enumerate(ordered):
        if position < policy.last:
            reasons[identity].append("last")
        elif position == 0:
            reasons[identity].append("newest")
    for rule, period in _PERIODS:
        seen: set[object] = set()
        for identity, moment in ordered:
            if len(seen) < getattr(policy, rule) and period(moment) not in seen:
                seen.add(period(moment))
                reasons[identity].append(rule)
    for identity, why in protected.items():
        if identity in reasons:
            reasons[identity] += why
    return tuple(Decision(identity, bool(reasons[identity]), tuple(reasons[identity])) for identity, _ in ordered)
