"""The swap: what was live is kept, with all around it, and can be put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from deckinfra.errors import LockedError, RefusedError
from deckinfra.mysql import ObjectSet
from deckinfra.mysql.names import quoted
from tests.mysql.support import (
    beside,
    connect,
    fill,
    live_of,
    name_of_a_database,
    objects_of,
    picture,
    restore,
    run,
)
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


def test_a_view_that_was_broken_before_is_left_out_by_undo_and_its_text_kept(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    run(
        server,
        database,
        "CREATE TABLE gone (i INT)",
        "CREATE VIEW lost AS SELECT i AS only_here FROM gone",
        "CREATE VIEW upon AS SELECT only_here FROM lost",
        "DROP TABLE gone",
    )
    live = live_of(server, database)
    restore(server, live, "new", objects_of(server, database, "new"))
    text = f"SELECT document FROM {quoted(database + '__deckinfra')}.kept"
    with live.lock("db.undo-restore", timeout=10):
        _, now_kept = live.undo()
    assert now_kept is not None
    assert "but for view 'lost', view 'upon': what that stands on is missing" in now_kept.reason
    assert picture(server, database) == before
    assert "only_here" in run(server, None, text)[0][0]
    with live.lock("db.undo-restore", timeout=10):
        live.undo()
    assert "only_here" in run(server, None, text)[0][0]


@pytest.mark.parametrize("working", [True, False])
def test_a_view_that_carries_a_tables_name_is_there_again_when_a_swap_is_taken_back(
    server: Server, database: str, working: bool
) -> None:
    fill(server, database, "old")
    new = objects_of(server, database, "new")
    run(server, database, "CREATE TABLE gone (i INT)", "CREATE VIEW only_new AS SELECT i AS only_here FROM gone")
    run(server, database, "CREATE VIEW upon AS SELECT only_here FROM only_new")
    if not working:
        run(server, database, "DROP TABLE gone")
    shown = [run(server, database, f"SHOW CREATE VIEW {name}") for name in ("only_new", "upon")]
    live = live_of(server, database, patience=0)
    with closing(connect(server, database)) as blocker, blocker.cursor() as cursor:
        blocker.begin()
        cursor.execute("SELECT * FROM plain")
        with pytest.raises(LockedError, match="kept busy"):
            restore(server, live, "new", new)
    assert [run(server, database, f"SHOW CREATE VIEW {name}") for name in ("only_new", "upon")] == shown
    assert list(live.recover()) == []
    assert beside(server, database) == []
    restore(server, live_of(server, database), "new", new)
    assert run(server, database, "SELECT COUNT(*) FROM only_new") == [(0,)]
    assert run(server, database, "SHOW TABLES LIKE 'deckinfra%'") == []


def test_a_foreign_key_to_a_table_that_is_gone_holds_nothing_of_another_state(server: Server, database: str) -> None:
    without_parent = ["SET foreign_key_checks = 0", "DROP TABLE parent"]
    fill(server, database, "old", objects=False)
    run(server, database, *without_parent)
    run(server, database, "ALTER TABLE plain DROP FOREIGN KEY fk_plain")
    live, before = live_of(server, database), picture(server, database)

    with pytest.raises(RefusedError, match="from table child item to parent, which is not there") as caught:
        restore(server, live, "new", ObjectSet())
    assert picture(server, database) == before
    _, _, statement = caught.value.hint.partition("Run ")
    run(server, database, statement.partition(", then")[0])
    restore(server, live, "new", ObjectSet())
    run(server, database, "DELETE FROM `child item`", "DELETE FROM plain", "DELETE FROM parent")

    with live.lock("db.restore", timeout=10), live.scratch("db.restore") as scratch:
        fill(server, scratch.name, "again", objects=False)
        run(server, scratch.name, *without_parent)
        kept = live.swap(scratch, "again", ObjectSet())
    assert kept is not None
    assert "'fk_child' of child item, foreign key 'fk_plain' of plain: what that leads to" in kept.reason
    assert "__scratch" not in str(picture(server, database)["definitions"])


def test_a_kept_state_of_which_nothing_is_written_down_any_more_is_named(server: Server, database: str) -> None:
    fill(server, database, "old")
    live = live_of(server, database)
    restore(server, live, "new", objects_of(server, database, "new"))
    run(server, None, f"CREATE DATABASE {quoted(database + ' other__kept_1')}")  # another database's
    with live.lock("db.restore", timeout=10):
        assert list(live.recover()) == []
    run(server, None, f"DROP DATABASE {quoted(database + '__deckinfra')}")
    (schema,) = [row[0] for row in run(server, None, "SHOW DATABASES") if row[0].startswith(f"{database}__kept_")]
    with live.lock("db.restore", timeout=10):
        (told,) = live.recover()
    assert told.startswith(f"schema {schema} is called like a state that a restore kept")
    assert told.endswith(f"DROP DATABASE {quoted(schema)}")
    assert run(server, schema, "SELECT COUNT(*) FROM only_old") == [(0,)]


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


def test_foreign_keys_to_what_is_no_unique_key_are_swapped_and_put_back(mysql_server: Server) -> None:
    with name_of_a_database(mysql_server) as database:
        made = (
            "SET restrict_fk_on_non_standard_key = OFF",
            "CREATE TABLE parent (id INT PRIMARY KEY, k INT, KEY (k))",
            "CREATE TABLE child (id INT PRIMARY KEY, k INT, CONSTRAINT odd FOREIGN KEY (k) REFERENCES parent (k))",
        )
        run(mysql_server, None, f"CREATE DATABASE {quoted(database)}")
        run(mysql_server, database, *made)
        live = live_of(mysql_server, database)
        noted = "CREATE TRIGGER noted BEFORE INSERT ON child FOR EACH ROW SET @a = 1"
        for further in ("DO 1", noted):  # without triggers, and under LOCK TABLES
            run(mysql_server, database, further)
            before = picture(mysql_server, database)
            with live.lock("db.restore", timeout=10), live.scratch("db.restore") as scratch:
                run(mysql_server, scratch.name, *made, "INSERT INTO parent VALUES (1, 2)")
                live.swap(scratch, "replaced by new", ObjectSet())
            assert live.recover() == []
            assert run(mysql_server, database, "SELECT k FROM parent") == [(2,)]
            with live.lock("db.undo-restore", timeout=10):
                live.undo()
            assert picture(mysql_server, database) == before


HOSTILE = {
    "sql_select_limit": "0",
    "max_join_size": "1",
    "sql_safe_updates": "1",
    "foreign_key_checks": "0",
    "completion_type": "1",
    "sql_notes": "0",
    "max_error_count": "0",
    "transaction_read_only": "1",
    "transaction_isolation": "'READ-UNCOMMITTED'",
}
HOSTILE_OF = {
    "mysql": {"max_execution_time": "1", "sql_require_primary_key": "1"},
    "mariadb": {"max_statement_time": "0.0001", "sql_if_exists": "1", "idle_transaction_timeout": "1"},
}


@contextmanager
def _hostile(server: Server) -> Iterator[None]:
    """Have a server hand values to whoever connects that leave out rows, refuse, or end statements."""
    values = HOSTILE | HOSTILE_OF[server.dialect]
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        for name, value in values.items():
            cursor.execute(f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            for name in values:
                cursor.execute(f"SET GLOBAL {name} = DEFAULT")


def test_global_values_of_a_server_change_nothing_in_what_is_done(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    new = objects_of(server, database, "new")
    live = live_of(server, database)
    tables = live.state().tables
    with _hostile(server), live.lock("db.restore", timeout=10):
        assert live.state().tables == tables
        assert list(live.recover()) == []
    with live.lock("db.restore", timeout=10), live.scratch("db.restore") as scratch:
        fill(server, scratch.name, "new", objects=False)
        with _hostile(server):
            live.swap(scratch, "replaced by new", new)
    assert [row[2] for row in picture(server, database)["views"]["a_top"]] == ["new", "new"]
    assert beside(server, database) == ["kept"]
    with _hostile(server), live.lock("db.undo-restore", timeout=10):
        live.undo()
        newest, *others = live.kept()
        assert others == []
        live.discard(newest)
    assert picture(server, database) == before
    assert beside(server, database) == []
