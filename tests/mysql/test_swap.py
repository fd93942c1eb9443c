"""The swap: what was live is kept, with all around it, and can be put back."""

from __future__ import annotations

from deckinfra.mysql.names import quoted
from tests.mysql.support import beside, fill, live_of, objects_of, picture, restore, run
from tests.support.servers import Server


def test_a_swap_brings_the_new_state_with_all_around_it_and_undo_the_old_one(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    new = objects_of(server, database, "new")
    live = live_of(server, database)

    kept = restore(server, live, "new", new)

    after = picture(server, database)
    assert after != before
    assert [row[2] for row in after["views"]["a_top"]] == ["new", "new"]
    assert [row[0] for row in after["triggers"]] == ["a_second", "noted", "only_new", "z_first"]
    assert after["default"] == [("utf8mb4_general_ci",)]
    assert kept is not None
    assert kept.reason == "replaced by new"
    assert kept.size > 0
    assert beside(server, database) == ["kept"]

    with live.lock("db.undo-restore", timeout=10):
        put_back, now_kept = live.undo()
    assert put_back == kept
    assert now_kept is not None
    assert [now_kept] == list(live.kept())
    assert picture(server, database) == before
    assert beside(server, database) == ["kept"]

    with live.lock("db.undo-restore", timeout=10):
        live.undo()
    assert picture(server, database) == after


def test_what_went_live_works(server: Server, database: str) -> None:
    fill(server, database, "old")
    restore(server, live_of(server, database), "new", objects_of(server, database, "new"))
    run(
        server,
        database,
        "INSERT INTO parent (id, name) VALUES (9, 'nine')",
        "INSERT INTO `child item` (parent) VALUES (9)",
    )
    assert run(server, database, "SELECT name FROM parent WHERE id = 9") == [("nine +1 +2 new",)]
    assert run(server, database, "SELECT what FROM log") == [("4 é",)]
    run(server, database, "DELETE FROM parent WHERE id = 9")
    assert run(server, database, "SELECT COUNT(*) FROM `child item`") == [(3,)]
    assert run(server, database, "SHOW TABLES LIKE 'deckinfra%'") == []


def test_where_there_was_no_database_one_is_made_and_nothing_kept(server: Server, database: str) -> None:
    live = live_of(server, database)
    assert not live.state().exists
    assert restore(server, live, "new", objects_of(server, database, "new")) is None
    assert live.kept() == []
    assert beside(server, database) == []
    assert "only_new" in live.state().tables


def test_an_empty_database_is_kept_too(server: Server, database: str) -> None:
    run(server, None, f"CREATE DATABASE {quoted(database)}")
    live = live_of(server, database)
    assert restore(server, live, "new", objects_of(server, database, "new")) is not None
    with live.lock("db.undo-restore", timeout=10):
        live.undo()
    assert live.state().tables == ()
