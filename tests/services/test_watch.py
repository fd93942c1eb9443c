"""For which services waiting is of no use any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from deckinfra.ports import Service, Stack
from deckinfra.services.watch import Watch
from deckinfra.testing import RecordingReporter

EARLIER = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 3, 1, tzinfo=UTC)
ABSENT = Service("app", "absent")
UNHEALTHY = Service("app", "running", health="unhealthy", started=EARLIER, detail="no route")


def failed(*looks: Service) -> Sequence[str]:
    """Give what has failed by the last of ``looks``, the first of which is from before the start."""
    seen = iter(looks)
    watch = Watch(cast(Stack, SimpleNamespace(services=lambda: [next(seen)])), (), RecordingReporter())
    watch.has_started = True
    for _ in looks[1:]:
        watch.look()
    return [service.name for service in watch.failed()]


@pytest.mark.parametrize("before", [ABSENT, UNHEALTHY], ids=["new", "started anew"])
def test_one_that_was_unhealthy_when_it_was_first_looked_at_has_failed(before: Service) -> None:
    assert failed(before, replace(UNHEALTHY, started=NOW)) == ["app"]


def test_one_that_was_unhealthy_before_may_get_well() -> None:
    assert failed(UNHEALTHY, UNHEALTHY) == []
    assert failed(replace(UNHEALTHY, state="paused"), UNHEALTHY) == []


def test_one_that_is_unhealthy_again_after_it_could_begin_has_failed() -> None:
    assert failed(replace(UNHEALTHY, state="paused"), replace(UNHEALTHY, health="starting"), UNHEALTHY) == ["app"]
