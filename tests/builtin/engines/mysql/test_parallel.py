"""Work over several connections: all of it is done, or the first error ends it for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deckinfra.builtin.engines.mysql.parallel import spread
from deckinfra.errors import DamagedError, DatabaseError
from deckinfra.mysql import Server as Account
from deckinfra.mysql import Session
from tests.mysql.support import run, url_of
from tests.support.servers import Server

LONG = 100
"""Seconds that nobody waits for."""


@contextmanager
def sessions_of(server: Server, many: int) -> Iterator[list[Session]]:
    account = Account(url_of(server, "mysql"))
    with ExitStack() as stack:
        yield [stack.enter_context(account.connect()) for _ in range(many)]


def test_each_item_is_worked_at_once_and_several_at_a_time(server: Server) -> None:
    meeting, done = threading.Barrier(3, timeout=30), []

    def work(session: Session, item: int) -> None:
        if item < 3:
            meeting.wait()
        done.append((item, session.query("SELECT CONNECTION_ID()")[0][0]))

    with sessions_of(server, 3) as sessions:
        spread(range(20), sessions, work)
        spread([], sessions, work)
        assert sorted(item for item, _ in done) == list(range(20))
        assert {number for _, number in done} == {session.id for session in sessions}


def test_the_first_error_is_raised_and_nobody_waits_for_the_others(server: Server) -> None:
    begun = threading.Barrier(3, timeout=30)
    others: list[Exception] = []

    def work(session: Session, item: int) -> None:
        assert item < 3, "it goes on after an error"
        begun.wait()
        if item == 1:
            session.connection.close()  # as a load does that has no more rows to send
            raise DamagedError("a chunk is lost")
        try:
            session.query(f"SELECT SLEEP({LONG})")
        except Exception as error:
            others.append(error)
            raise

    began = time.monotonic()
    with sessions_of(server, 3) as sessions, pytest.raises(DamagedError, match="a chunk is lost"):
        spread(range(20), sessions, work)
    assert time.monotonic() - began < LONG / 2
    assert [type(error) for error in others] == [DatabaseError, DatabaseError]


def test_a_connection_that_is_cut_ends_all(server: Server) -> None:
    def work(session: Session, item: int) -> None:
        session.query(f"SELECT SLEEP({LONG})")

    began = time.monotonic()
    with sessions_of(server, 2) as sessions:
        number = sessions[0].id
        timer = threading.Timer(0.3, run, (server, None, f"KILL {number}"))
        timer.start()
        with pytest.raises(DatabaseError, match="went away"):
            spread(range(20), sessions, work)
        timer.join()
    assert time.monotonic() - began < LONG / 2
