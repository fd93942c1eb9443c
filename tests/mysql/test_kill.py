"""Killed before any statement of a swap or an undo: one state or the other is live entirely, once somebody looked."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from deckinfra.mysql import LiveDatabase, ObjectSet
from tests.mysql.support import beside, live_of, objects_of, picture, restore
from tests.support.servers import Server

_HARMLESS = ("SELECT", "SHOW", "SET", "USE", "CREATE TABLE IF NOT EXISTS", "CREATE DATABASE IF NOT EXISTS")
"""What leaves nothing behind that was not there before, or what the next statement's turn shows as well."""


class Count:
    """Counts the statements from the journal on that change something, and kills before the one numbered ``fatal``."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.seen = 0

    def __call__(self, statement: str) -> None:
        if not statement.startswith(_HARMLESS) and (self.seen or "`journal`" in statement):
            if self.seen == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self.seen += 1


def _swap(live: LiveDatabase, server: Server, marker: str, objects: ObjectSet) -> None:
    restore(server, live, marker, objects)


def _undo(live: LiveDatabase, server: Server, marker: str, objects: ObjectSet) -> None:
    with live.lock("db.undo-restore", timeout=10):
        live.undo()


@pytest.mark.parametrize("work", [_swap, _undo])
def test_killed_before_any_statement_one_state_or_the_other_is_live(
    server: Server, database: str, work: Callable[..., None]
) -> None:
    objects = {marker: objects_of(server, database, marker) for marker in ("old", "new")}
    live = live_of(server, database)
    states = {}
    for marker, around in objects.items():
        restore(server, live, marker, around)
        states[marker] = picture(server, database)
    now, seen, fatal = "new", set(), 0
    while True:
        other = "old" if now == "new" else "new"
        code = _in_a_process(
            lambda trace, wanted=other: work(live_of(server, database, trace=trace), server, wanted, objects[wanted]),
            fatal,
        )
        with live.lock("db.restore", timeout=10):
            said = live.recover()
            assert list(live.recover()) == []
        found = picture(server, database)
        assert found in (states[now], states[other]), (fatal, said)
        now = other if found == states[other] else now
        assert set(beside(server, database)) == {"kept"}
        assert len(live.kept()) == len(beside(server, database))
        for state in live.kept()[1:]:
            with live.lock("db.kept", timeout=10):
                live.discard(state)
        if code == 0:
            break
        seen.add(found == states["old"])
        fatal += 1
    assert fatal > 15
    assert seen == {True, False}


def _in_a_process(work: Callable[[Count], Any], fatal: int) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=work, args=(Count(fatal),))
    process.start()
    process.join(60)
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode
