"""Scripts run in a schema beside the live one: what dump tools write comes in, and what is evil reaches nothing."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event

import pytest

from deckinfra.errors import DamagedError, DatabaseError, DeckinfraError, RefusedError
from deckinfra.mysql import LiveDatabase
from deckinfra.mysql.importing import Imported, run_script
from deckinfra.mysql.names import quoted
from tests.mysql.support import beside, fill, live_of, name_of_a_database, picture, run
from tests.support.servers import Server

_TOOLS = {"mysql": ("mysqldump",), "mariadb": ("mariadb-dump", "--dump-history")}
_TABLE = "CREATE TABLE t (id INT PRIMARY KEY, d DATE) DEFAULT CHARSET=utf8mb4;\n"


@pytest.fixture
def live(server: Server) -> Iterator[LiveDatabase]:
    """A database with one table, ``users``, in which there is one row."""
    with name_of_a_database(server) as name:
        run(server, None, f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        run(server, name, "CREATE TABLE users (n INT PRIMARY KEY)", "INSERT INTO users VALUES (1)")
        yield live_of(server, name)


def _imported(live: LiveDatabase, script: bytes, size: int = 1000) -> Imported:
    """Run a script beside the database, and swap in what it made."""
    pieces = (script[start : start + size] for start in range(0, len(script), size))
    with live.lock("test", timeout=10), live.scratch("test") as scratch:
        done = run_script(live.server, scratch.name, live.database, pieces)
        live.swap(scratch, "test", done.objects)
    return done


def _dumped(server: Server, name: str, *options: str) -> bytes:
    words = [*_TOOLS[server.dialect], "--user=root", "--routines", "--events", *options, name]
    command = ["docker", "exec", "--env", f"MYSQL_PWD={server.root_password}", server.container, *words]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def _comparable(found: object) -> str:
    # A charset beside its collation, which MySQL prints from the second time on, says nothing new.
    return re.sub(r" CHARACTER SET \w+(?= COLLATE \w)", "", str(found))


@pytest.mark.parametrize("options", [(), ("--databases", "--hex-blob", "--skip-comments", "--skip-extended-insert")])
def test_what_the_dump_tools_write_comes_in_with_all_that_is_in_it(
    server: Server, live: LiveDatabase, options: tuple[str, ...]
) -> None:
    with name_of_a_database(server) as source:
        fill(server, source, "x")
        run(
            server,
            source,
            "CREATE TABLE types (id INT PRIMARY KEY, b BLOB, d DATE, e ENUM('', '1', '0'), j JSON)",
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            "INSERT INTO types VALUES (1, X'00275C0A2D2D203BFF', '2024-02-31', '1', '[\"it''s\"]')",
            "INSERT INTO types VALUES (0, '', NULL, '', NULL)",
            "CREATE EVENT soon ON SCHEDULE EVERY 1 SECOND DO INSERT INTO log (what) VALUES ('ran')",
            "ALTER EVENT soon DISABLE",
            "ALTER EVENT soon ENABLE" if server.dialect == "mysql" else "DO 0",
        )
        run(server, source, "ALTER EVENT soon ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00'")
        script = _dumped(server, source, *options)
        done = _imported(live, script)
        assert not [note for note in done.notes if not note.startswith("left out: settings of")]
        assert _comparable(picture(server, live.database)) == _comparable(picture(server, source))
    with live.lock("test", timeout=10):
        live.undo()
    assert run(server, live.database, "SELECT n FROM users") == [(1,)]


def _evil(live: LiveDatabase) -> dict[str, str]:
    own = quoted(live.database)
    return {
        "another schema": f"INSERT INTO {own}.users VALUES (2);",
        "the tables of another schema": f"USE mysql; DROP TABLE {own}.users;",
        "the client's commands": "\\! touch /tmp/evil\n;",
        "a shell": "system touch /tmp/evil\n;",
        "a comment that servers run": f"/*!40000 DROP TABLE {own}.users */;",
        "a comment within a statement": f"INSERT INTO t VALUES (1, /*!40000 (SELECT n FROM {own}.users) */ );",
        "what the server reads in it": f"INSERT INTO t VALUES (1, /*!40000 {own}.f() */ NULL);",
        "a query": f"INSERT INTO t SELECT n, NULL FROM {own}.users;",
        "a link to it": f"CREATE TABLE u (n INT) ENGINE=MERGE UNION=({own}.users) INSERT_METHOD=LAST;",
        "the server": "SET foreign_key_checks = 0, GLOBAL max_connections = 1;",
        "an account": "CREATE USER evil;",
        "several databases": "USE `one`; USE `two`;",
        "letters that hide a quote": "SET NAMES gbk;",
        "strings that end elsewhere": "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; INSERT INTO t VALUES (1, NULL);",
        "an event that runs": "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT ' ON COMPLETION PRESERVE ENABLE';",
        "a comment before a name": f"CREATE PROCEDURE /* */ {own}.p() SELECT 1;",
    }


def test_what_is_evil_is_refused_and_reaches_nothing(server: Server, live: LiveDatabase) -> None:
    before = picture(server, live.database)
    with live.scratch("test") as scratch:
        for what, statement in _evil(live).items():
            script = f"DROP TABLE IF EXISTS t; {_TABLE}-- two\n{statement}\n"
            with pytest.raises(RefusedError) as caught:
                run_script(live.server, scratch.name, live.database, iter([script.encode()]))
            assert "line 3" in caught.value.message, what
            assert "live database was not touched" in caught.value.hint, what
    assert picture(server, live.database) == before
    assert beside(server, live.database) == []


def test_what_a_script_brings_to_run_does_not_run_before_it_is_live(server: Server, live: LiveDatabase) -> None:
    users = f"{quoted(live.database)}.users"
    script = f"""{_TABLE}
DELIMITER ;;
CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW DELETE FROM {users};;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN DELETE FROM {users}; RETURN 1; END;;
CREATE DEFINER=`root`@`%` EVENT `e` ON SCHEDULE EVERY 1 SECOND ON COMPLETION PRESERVE ENABLE DO DELETE FROM {users};;
DELIMITER ;
INSERT INTO t VALUES (1, NULL);
"""
    run(server, None, "SET GLOBAL event_scheduler = ON")
    with live.lock("test", timeout=10), live.scratch("test") as scratch:
        done = run_script(live.server, scratch.name, live.database, iter([script.encode()]))
        assert run(server, scratch.name, "SELECT COUNT(*) FROM t")[0] == (1,)
        found = run(server, scratch.name, "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS")
        assert [tuple(row) for row in found if row[0] == "e"] == [("e", "DISABLED")]
    assert run(server, live.database, "SELECT COUNT(*) FROM users")[0] == (1,)
    (event,) = done.objects.of_kind("event")
    assert event.status == "ENABLE"


def test_views_find_their_own_database_again_whatever_it_is_called_now(server: Server, live: LiveDatabase) -> None:
    script = f"""-- MySQL dump 10.13
--
-- Host: localhost    Database: old one
{_TABLE}
CREATE VIEW b AS SELECT `old one`.f() AS one;
CREATE VIEW a AS SELECT `old one`.`b`.`one` AS one, 'see `old one`.b' AS text FROM `old one`.`b`;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
"""
    _imported(live, script.encode())
    assert [tuple(row) for row in run(server, live.database, "SELECT * FROM a")] == [(1, "see `old one`.b")]


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("INSERT INTO nowhere VALUES (1);", DatabaseError, r"line 2 \('INSERT INTO nowhere VALUES \(1\)'\): .*nowhere"),
        ("INSERT INTO t VALUES (1", DamagedError, "begins in line 2"),
        ("SET character_set_client = latin1;\nCREATE PROCEDURE p() SELECT '\x81'", DamagedError, "line 3"),
        ("SET character_set_client = latin1;\nCREATE PROCEDURE p() SELECT '\x81';", RefusedError, "line 3 .*no text"),
    ],
)
def test_what_cannot_be_run_is_told_by_its_line(
    live: LiveDatabase, script: str, error: type[DeckinfraError], message: str
) -> None:
    with pytest.raises(error) as caught:
        _imported(live, _TABLE.encode() + script.encode("latin1"))
    assert re.search(message, caught.value.message)


def test_what_is_left_out_and_what_the_server_warns_of_is_told(live: LiveDatabase) -> None:
    settings = "SET @@SESSION.SQL_LOG_BIN= 0;\nSET sql_mode = '';\n"
    script = f"{_TABLE}{settings}INSERT INTO t VALUES (1, '2024-13-01'), (2, '2024-02-31');\n"
    done = _imported(live, script.encode())
    assert done.notes[0] == "left out: settings of replication"
    assert "for column 'd'" in done.notes[1]
    assert "line 4" in done.notes[1]
    assert len(done.notes) == 2


def test_the_charset_of_a_dump_becomes_that_of_the_database(server: Server, live: LiveDatabase) -> None:
    script = "CREATE DATABASE `x` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_bin */;\nUSE `x`;\n" + _TABLE
    _imported(live, script.encode())
    asked = "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()"
    assert run(server, live.database, asked)[0] == ("latin1_bin",)


def _import_for_ever(began: Event, server: Server, name: str) -> None:
    live = live_of(server, name)

    def script() -> Iterator[bytes]:
        yield _TABLE.encode()
        yield b"INSERT IGNORE INTO t VALUES (1, NULL);\n" * 200
        began.set()
        time.sleep(600)

    with live.lock("db.import", timeout=10), live.scratch("db.import") as scratch:
        run_script(live.server, scratch.name, live.database, script())


def test_an_import_that_is_killed_is_cleaned_up_by_the_next_one(server: Server, live: LiveDatabase) -> None:
    began = multiprocessing.get_context("spawn").Event()
    process = multiprocessing.get_context("spawn").Process(target=_import_for_ever, args=(began, server, live.database))
    process.start()
    try:
        assert began.wait(60)
    finally:
        process.kill()
        process.join()
    assert beside(server, live.database) == ["scratch"]
    with live.lock("test", timeout=30):
        assert "which a db.import that died left behind" in live.recover()[0]
    assert beside(server, live.database) == []
    assert run(server, live.database, "SELECT n FROM users") == [(1,)]
