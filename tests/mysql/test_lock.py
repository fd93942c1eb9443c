"""The lock of a database."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from deckinfra.errors import LockedError
from deckinfra.mysql import LiveDatabase, ObjectSet
from deckinfra.mysql import Server as Account
from tests.mysql.support import fill, live_of, picture, restore, run, url_of
from tests.support.servers import Server


def test_a_waiter_is_told_who_holds_it(server: Server, database: str) -> None:
    with live_of(server, database).lock("db.first", timeout=5):
        second = live_of(server, database).lock("db.second", timeout=0.2)
        with pytest.raises(LockedError, match=r"db\.first \(process \d+ on ") as caught, second:
            pass
        assert "Waited 0.2 s" in caught.value.hint


def test_an_applications_account_can_hold_it_and_is_named_by_its_connection(server: Server) -> None:
    with server.database() as url:
        application = LiveDatabase(Account(url), url.database)
        with application.lock("db.migrate", timeout=5) as died:
            assert died is None
            restoring = live_of(server, url.database).lock("db.restore", timeout=0)
            with pytest.raises(LockedError, match=r"connection \d+ of deck from "), restoring:
                pass
        restoring = live_of(server, url.database).lock("db.restore", timeout=5)
        with restoring, pytest.raises(LockedError, match=r"connection \d+"), application.lock("db.migrate", timeout=0):
            pass
        run(server, None, f"DROP DATABASE IF EXISTS `{url.database}__deckinfra`")


def test_a_holder_whose_connection_ended_is_told_of_once(server: Server, database: str) -> None:
    with ExitStack() as stack:
        first = live_of(server, database)
        stack.enter_context(first.lock("db.restore", timeout=5))
        run(server, None, f"KILL {_holder(server, database)}")
        with live_of(server, database).lock("db.drill", timeout=5) as died:
            assert died is not None
            assert died.startswith("db.restore (process ")
    with live_of(server, database).lock("db.drill", timeout=5) as died:
        assert died is None


def test_who_lost_the_lock_swaps_nothing(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    live = live_of(server, database)
    with live.lock("db.restore", timeout=5), live.scratch("db.restore") as scratch:
        run(server, scratch.name, "CREATE TABLE t (i INT)")
        run(server, None, f"KILL {_holder(server, database)}")
        with pytest.raises(LockedError, match="was lost"):
            live.swap(scratch, "never", ObjectSet())
    assert picture(server, database) == before
    assert live.kept() == []


def test_a_scratch_schema_that_was_swept_is_not_swapped_in(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    live = live_of(server, database)
    with live.lock("db.restore", timeout=5), live.scratch("db.restore") as scratch:
        assert live.recover() == []
        run(server, None, f"KILL {scratch.guard.session.id}")
        (said,) = live.recover()
        assert scratch.name in said
        with pytest.raises(Exception, match="is gone"):
            live.swap(scratch, "never", ObjectSet())
    assert picture(server, database) == before


def test_recover_touches_no_schema_that_is_not_recorded(server: Server, database: str) -> None:
    restore(server, live_of(server, database), "old", ObjectSet())
    mine = f"{database}__scratch_mine"
    fill(server, mine, "old", objects=False)
    live = live_of(server, database)
    with live.lock("db.restore", timeout=5):
        assert live.recover() == []
    assert run(server, mine, "SHOW TABLES")


def _holder(server: Server, database: str) -> int:
    name = database.replace("`", "``")
    return int(run(server, None, f"SELECT connection FROM `{name}__deckinfra`.holder")[0][0])


def test_two_databases_have_two_locks(server: Server, database: str) -> None:
    other = LiveDatabase(Account(url_of(server, database)), f"{database} two")
    with live_of(server, database).lock("one", timeout=5), other.lock("two", timeout=0):
        pass
