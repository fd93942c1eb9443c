"""Killed before any statement of a swap or an undo: one state or the other is live entirely, once somebody looked."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from deckinfra.mysql import LiveDatabase, ObjectSet
from tests.mysql.support import beside, live_of, name_of_a_database, objects_of, picture, restore, run
from tests.support.servers import Server

_HARMLESS = ("SELECT", "SHOW", "SET", "USE", "CREATE TABLE IF NOT EXISTS", "CREATE DATABASE IF NOT EXISTS")
"""What leaves nothing behind that was not there before, or what the next statement's turn shows as well."""


STEP = 3
"""Every third statement will do each time: between them, the two servers and the two ways look at all."""


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


@pytest.mark.parametrize(("work", "first"), [(_swap, 0), (_undo, 1)])
def test_killed_before_any_statement_one_state_or_the_other_is_live(
    server: Server, database: str, work: Callable[..., None], first: int
) -> None:
    objects = {marker: objects_of(server, database, marker) for marker in ("old", "new")}
    live = live_of(server, database)
    states = {}
    for marker, around in objects.items():
        restore(server, live, marker, around)
        states[marker] = picture(server, database)
    now, fatal = "new", first + (server.dialect == "mariadb")
    seen: set[bool] = set()
    while True:
        other = "old" if now == "new" else "new"
        killed = live_of(server, database, trace=Count(fatal))
        code = _in_a_process(work, killed, server, other, objects[other])
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
        fatal += STEP
    assert fatal > 15
    assert seen == {True, False}


def test_a_server_that_stops_within_the_block_of_a_swap_is_followed_up(mariadb_server: Server) -> None:
    with name_of_a_database(mariadb_server) as database:
        objects = {marker: objects_of(mariadb_server, database, marker) for marker in ("old", "new")}
        live = live_of(mariadb_server, database)
        states = {}
        for marker, around in objects.items():
            restore(mariadb_server, live, marker, around)
            states[marker] = picture(mariadb_server, database)
        markers, done = ["old", "new"] * 20, -1
        for marker in markers:
            done += 2
            stop = Stop(mariadb_server, database, done)
            _in_a_process(_swap, live_of(mariadb_server, database, trace=stop), mariadb_server, marker, objects[marker])
            with live.lock("db.restore", timeout=10):
                live.recover()
            assert picture(mariadb_server, database) == states[marker], done
            if done >= stop.length.value:
                break
        assert 10 < done < 2 * len(markers)


class Stop:
    """Runs the first ``many`` statements of the block that swaps, and then the process is no more."""

    def __init__(self, server: Server, database: str, many: int) -> None:
        self._server, self._database, self._many = server, database, many
        self.length = multiprocessing.Value("i", 0)

    def __call__(self, statement: str) -> None:
        begin, end = "BEGIN NOT ATOMIC ", " END"
        if statement.startswith(begin):
            parts = statement.removeprefix(begin).removesuffix(end).split("; EXECUTE IMMEDIATE ")
            self.length.value = len(parts)
            first = "; EXECUTE IMMEDIATE ".join(parts[: self._many]).removesuffix(";")
            run(self._server, self._database, f"{begin}{first};{end}")
            os.kill(os.getpid(), signal.SIGKILL)


def _in_a_process(work: Callable[..., None], *arguments: Any) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode
