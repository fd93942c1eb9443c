"""Views, triggers, routines and events: taken down in one schema, made the same in another."""

from __future__ import annotations

import json

import pytest

from deckinfra.errors import DamagedError, DatabaseError
from deckinfra.mysql import ObjectSet
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from tests.mysql.support import fill, live_of, objects_of, picture, restore, run, url_of
from tests.support.servers import Server


def _taken(server: Server, schema: str) -> ObjectSet:
    with Account(url_of(server, schema)).connect() as session:
        return ObjectSet.of(session, schema)


def test_what_is_made_in_another_schema_is_the_same(server: Server, database: str) -> None:
    fill(server, database, "old")
    found = _taken(server, database)
    other = f"{database} other"
    fill(server, other, "old", objects=False)
    with Account(url_of(server, other)).connect() as session:
        assert found.create(session, other) == frozenset()
        assert session.query("SELECT @@sql_mode, @@time_zone, @@character_set_client") == [
            ("NO_AUTO_VALUE_ON_ZERO", "+00:00", "utf8mb4")
        ]
    assert _taken(server, other) == found
    there, here = picture(server, other), picture(server, database)
    assert {name: there[name] for name in ("views", "triggers", "routines", "events")} == {
        name: here[name] for name in ("views", "triggers", "routines", "events")
    }


def test_a_set_survives_json(server: Server, database: str) -> None:
    found = objects_of(server, database, "old")
    assert {each.kind for each in found.objects} == {"view", "trigger", "function", "procedure", "event"}
    assert ObjectSet.from_document(json.loads(json.dumps(found.document())), "it") == found
    with pytest.raises(DamagedError, match="it has no usable field"):
        ObjectSet.from_document({"objects": [{"kind": "view"}]}, "it")


def test_events_can_be_made_so_that_they_do_not_run(server: Server, database: str) -> None:
    found = objects_of(server, database, "old")
    fill(server, database, "old", objects=False)
    with Account(url_of(server, database)).connect() as session:
        found.create(session, database, events=False)
    status = "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1"
    assert run(server, database, status) == [("nightly", "DISABLED"), ("paused", "DISABLED")]


def test_a_view_that_names_its_schema_is_made_in_the_other_one(server: Server, database: str) -> None:
    run(server, None, f"CREATE DATABASE {quoted(database)}")
    text = quoted(database).replace("'", "''")
    run(
        server,
        database,
        "CREATE TABLE t (i INT)",
        "INSERT INTO t VALUES (1)",
        f"CREATE VIEW v AS SELECT t.i, '{text}.' AS said, s.SCHEMA_NAME FROM t, information_schema.SCHEMATA s "
        "WHERE s.SCHEMA_NAME = 'mysql'",
    )
    found = _taken(server, database)
    other = f"{database} other"
    run(server, None, f"CREATE DATABASE {quoted(other)}")
    run(server, other, "CREATE TABLE t (i INT)", "INSERT INTO t VALUES (2)")
    with Account(url_of(server, other)).connect() as session:
        found.create(session, other)
    run(server, None, f"DROP TABLE {quoted(database)}.t")
    assert run(server, other, "SELECT i, said FROM v") == [(2, f"{quoted(database)}.")]


def test_texts_in_other_charsets_and_collations_of_other_days_stay(server: Server, database: str) -> None:
    run(server, None, f"CREATE DATABASE {quoted(database)} COLLATE utf8mb4_bin")
    run(
        server,
        database,
        "CREATE TABLE t (i INT, s VARCHAR(50))",
        "CREATE TRIGGER one BEFORE INSERT ON t FOR EACH ROW SET NEW.s = CONCAT(NEW.s, ' 1 ä')",
        f"ALTER DATABASE {quoted(database)} COLLATE utf8mb4_general_ci",
        "SET NAMES latin1",
    )
    run(server, database, "CREATE TRIGGER two BEFORE INSERT ON t FOR EACH ROW SET NEW.s = CONCAT(NEW.s, ' 2')")
    run(
        server,
        database,
        f"ALTER DATABASE {quoted(database)} COLLATE utf8mb4_unicode_ci",
        "CREATE TRIGGER three BEFORE INSERT ON t FOR EACH ROW SET NEW.s = CONCAT(NEW.s, ' 3 €')",
        "SET character_set_client = latin1",
    )
    before = picture(server, database)
    assert len({row[-1] for row in before["triggers"]}) == 3
    live = live_of(server, database)
    with live.lock("db.restore", timeout=5), live.scratch("db.restore", collation="utf8mb4_unicode_ci") as scratch:
        run(server, scratch.name, "CREATE TABLE t (i INT, s VARCHAR(50))")
        live.swap(scratch, "the same again", _taken(server, database))
    after = picture(server, database)
    assert after["triggers"] == before["triggers"]
    run(server, database, "INSERT INTO t VALUES (1, 'x')")
    assert run(server, database, "SELECT s FROM t") == [("x 1 ä 2 3 €",)]


def test_packages_and_sequences_of_mariadb_come_along(mariadb_server: Server) -> None:
    with mariadb_server.database() as url:
        live = live_of(mariadb_server, url.database)
        run(
            mariadb_server,
            url.database,
            "CREATE SEQUENCE counter START WITH 7",
            "SET sql_mode = ORACLE",
            "CREATE PACKAGE p AS FUNCTION f RETURN INT; END",
            "CREATE PACKAGE BODY p AS FUNCTION f RETURN INT AS BEGIN RETURN 42; END; END",
        )
        restore(mariadb_server, live, "new", ObjectSet())
        assert run(mariadb_server, url.database, "SHOW FUNCTION STATUS WHERE Db = DATABASE()") == []
        with live.lock("db.undo-restore", timeout=5):
            live.undo()
            for kept in live.kept():
                live.discard(kept)
        assert run(mariadb_server, url.database, "SELECT NEXT VALUE FOR counter") == [(7,)]
        assert run(mariadb_server, url.database, "SET sql_mode = ORACLE", "SELECT p.f()") == [(42,)]
        run(mariadb_server, None, f"DROP DATABASE {quoted(url.database + '__deckinfra')}")


def test_what_an_account_may_not_read_is_told(server: Server, database: str) -> None:
    with server.database() as url:
        run(server, url.database, "CREATE PROCEDURE secret() SELECT 1")
        run(server, None, f"REVOKE ALL ON {quoted(url.database)}.* FROM deck@'%'")
        run(server, None, f"GRANT SELECT, EXECUTE ON {quoted(url.database)}.* TO deck@'%'")
        with Account(url).connect() as session, pytest.raises(DatabaseError, match="may not read procedure") as caught:
            ObjectSet.of(session, url.database)
        assert "DATABASE_ADMIN_USER" in caught.value.hint
