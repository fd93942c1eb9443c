"""What is hard to bring back comes back exactly, by both ways of loading; what cannot is told of at the backup."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from deckinfra.errors import RefusedError
from deckinfra.mysql.names import quoted
from deckinfra.services.restore import compare
from tests.builtin.engines.client.test_values import plant
from tests.builtin.engines.mysql.copies import checksums, copied, engine_on, taken
from tests.mysql.support import name_of_a_database, picture, run
from tests.support.servers import Server

MEMBERS = ", ".join(f"'m{number}'" for number in range(64))
EDGES = f"""
CREATE TABLE halves (id INT PRIMARY KEY, f FLOAT, d DOUBLE, g FLOAT(7,3), h DOUBLE(9,2));
INSERT INTO halves VALUES (1, -0e0, -0e0, -0e0, -0e0), (2, 1.17549435e-38, 5e-324, 1234.567, 1.005);
INSERT INTO halves VALUES (3, 16777217, 0.1, 1.2345, 0.1), (4, 3.40282347e38, 1.7976931348623157e308, 0, 1);
INSERT INTO halves VALUES (5, 1e-45, 0, 0, 0);
CREATE TABLE members (id INT PRIMARY KEY, e ENUM('', 'a', '0', '1', 'NULL'), s SET({MEMBERS}));
INSERT IGNORE INTO members VALUES (1, 'none', 0), (2, '', 18446744073709551615), (3, '0', 9223372036854775808);
INSERT IGNORE INTO members VALUES (4, '1', 1);
CREATE TABLE hidden (a INT INVISIBLE DEFAULT 3, b INT DEFAULT 4);
INSERT INTO hidden () VALUES (), ();
CREATE TABLE made_only (a INT AS (4), b INT AS (5) STORED);
INSERT INTO made_only () VALUES (), (), ();
CREATE TABLE zero (id INT AUTO_INCREMENT PRIMARY KEY, n INT) AUTO_INCREMENT = 77;
INSERT INTO zero VALUES (0, 1), (-5, 2);
CREATE TABLE counted_twice (n INT PRIMARY KEY, id BIGINT UNSIGNED AUTO_INCREMENT, KEY (id));
INSERT INTO counted_twice VALUES (1, 18446744073709551600), (2, 5);
CREATE TABLE grouped (g INT, id INT AUTO_INCREMENT, PRIMARY KEY (g, id)) ENGINE = MyISAM;
INSERT INTO grouped VALUES (1, 0), (1, 4), (2, 1);
CREATE TABLE kept_long (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(9)) ENGINE = ARCHIVE;
INSERT INTO kept_long VALUES (1, 'a'), (7, 'b');
CREATE TABLE quick (id INT NOT NULL, a VARCHAR(20), KEY (a)) ENGINE = MEMORY;
INSERT INTO quick VALUES (2, 'b'), (1, NULL);
CREATE TABLE listed (id INT NOT NULL, a VARCHAR(20) NOT NULL) ENGINE = CSV;
INSERT INTO listed VALUES (2, 'b","c'), (1, '');
CREATE TABLE swallowed (id INT) ENGINE = BLACKHOLE;
INSERT INTO swallowed VALUES (1);
CREATE TABLE `two\nlines ``%s\t漢` (`a\nb ``%s` INT PRIMARY KEY, `%` VARCHAR(9), KEY `k``,(` (`%`),
    CONSTRAINT `c``(` CHECK (`%` <> '(,`'));
INSERT INTO `two\nlines ``%s\t漢` VALUES (1, 'a');
CREATE TABLE sorted (a VARCHAR(50), b VARCHAR(50) NOT NULL, c INT NOT NULL, PRIMARY KEY (b(5), c DESC),
    UNIQUE KEY (a(3)), KEY `k` (c DESC) COMMENT 'it''s (,) `', FULLTEXT KEY (a, b));
INSERT INTO sorted VALUES ('x', 'aaaaaa', 1), (NULL, 'aaaaa', 2), (NULL, 'b', 1);
CREATE TABLE unused (z INT NOT NULL, a INT NOT NULL, UNIQUE KEY (z),
    UNIQUE KEY (a) /*!80000 INVISIBLE */ /*M!100600 IGNORED */);
INSERT INTO unused VALUES (1, 4), (2, 3);
CREATE TABLE hashed (id INT NOT NULL, s VARCHAR(9), UNIQUE KEY (id, s)) PARTITION BY RANGE (id)
    SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION `p 0` VALUES LESS THAN (3) COMMENT 'x,)',
    PARTITION b VALUES LESS THAN MAXVALUE);
INSERT INTO hashed VALUES (1, 'a'), (3, NULL), (3, NULL)
"""
HISTORIES = (
    "CREATE TABLE implied (id INT PRIMARY KEY, a INT, KEY (a)) WITH SYSTEM VERSIONING",
    "CREATE TABLE named (id INT PRIMARY KEY, a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, "
    "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
    "CREATE TABLE parted (id INT, a INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING "
    "PARTITION BY SYSTEM_TIME (PARTITION p HISTORY, PARTITION c CURRENT)",
)


@pytest.mark.parametrize("by_file", [True, False], ids=["LOAD DATA", "INSERT"])
def test_values_and_tables_of_every_kind_come_back(server: Server, database: str, by_file: bool) -> None:
    plant(server, database)
    run(server, database, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", *_statements(EDGES))
    with copied(server, database, by_file=by_file) as copy:
        assert copy.differences == []
        assert checksums(server, copy.schema) == checksums(server, database)
        before, after = picture(server, database), picture(server, copy.schema)
        assert after["tables"] == before["tables"]
        assert " AUTO_INCREMENT=77 " in str(after["definitions"]["zero"])


@pytest.mark.parametrize("by_file", [True, False], ids=["LOAD DATA", "INSERT"])
def test_the_history_of_a_table_comes_back(mariadb_server: Server, mariadb_database: str, by_file: bool) -> None:
    changes = [
        statement
        for name in ("implied", "named", "parted")
        for statement in (
            f"INSERT INTO {name} (id, a) VALUES (1, 1), (2, 2)",
            f"UPDATE {name} SET a = 5, id = id + 10",
            f"DELETE FROM {name} WHERE id = 12",
        )
    ]
    run(mariadb_server, mariadb_database, *HISTORIES, *changes)
    ends = {"implied": ("row_start", "row_end"), "named": ("s", "e"), "parted": ("row_start", "row_end")}

    def past(schema: str) -> list[list[tuple[object, ...]]]:
        queries = [f"SELECT id, a, {s}, {e} FROM {name} FOR SYSTEM_TIME ALL" for name, (s, e) in ends.items()]
        return [sorted(run(mariadb_server, schema, query)) for query in queries]

    with copied(mariadb_server, mariadb_database, by_file=by_file) as copy:
        assert copy.differences == []
        assert [len(rows) for rows in past(mariadb_database)] == [4, 4, 4]
        assert past(copy.schema) == past(mariadb_database)
        assert run(mariadb_server, copy.schema, "SELECT id FROM implied") == [(11,)]
        assert not [text for text in copy.snapshot.details["warnings"] if "history" in text]


def test_a_history_by_numbers_of_transactions_is_told_to_be_missing(
    mariadb_server: Server, mariadb_database: str
) -> None:
    run(
        mariadb_server,
        mariadb_database,
        "CREATE TABLE t (id INT PRIMARY KEY, s BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, e BIGINT UNSIGNED "
        "GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
        "INSERT INTO t (id) VALUES (1), (2)",
        "DELETE FROM t WHERE id = 2",
    )
    with copied(mariadb_server, mariadb_database) as copy:
        assert copy.snapshot.details["warnings"] == ["of t the present rows are in the backup, not their history"]
        assert copy.differences == []
        assert run(mariadb_server, copy.schema, "SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "ascii", "sjis", "utf16"])
def test_text_that_is_none_in_its_charset_is_refused(server: Server, database: str, charset: str) -> None:
    width = run(
        server, None, f"SELECT MAXLEN FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME = '{charset}'"
    )[0][0]
    bad = {"utf16": "D83C", "utf8mb3": "F09F82A1"}.get(charset, "61FF62")
    run(
        server,
        database,
        f"CREATE TABLE bytes (id INT, v VARBINARY({20 * width}), b BLOB) ENGINE = MyISAM",
        f"CREATE TABLE `t%s` (id INT, v VARCHAR(20) CHARACTER SET {charset}, b BLOB) ENGINE = MyISAM",
        "INSERT INTO `t%s` VALUES (1, 'sound', 0xFF), (2, NULL, '')",
    )
    taken(server, database)
    # No statement puts it there.
    run(server, database, f"INSERT INTO bytes VALUES (1, 0x{bad}, ''), (2, NULL, '')", "FLUSH TABLES")
    _exchange(server, database)
    if charset == "ascii" and server.dialect == "mariadb":  # where every byte is a letter of it
        with copied(server, database) as copy:
            assert copy.differences == []
            assert run(server, copy.schema, "SELECT HEX(v) FROM `t%s`") == [(bad,), (None,)]
        return
    with pytest.raises(RefusedError, match=r"its column.*: t%s\.v \(1 rows\)") as caught:
        taken(server, database)
    assert "No backup was made" in caught.value.hint


def test_decimals_in_json_are_told_and_all_else_is_compared(mysql_server: Server, mysql_database: str) -> None:
    price = (
        "JSON_ARRAY(CAST(1.10 AS DECIMAL(4, 2)), CAST('-1234567890123456789012' AS DECIMAL(30, 0)), 'it''s \\\\ 1.10')"
    )
    run(
        mysql_server,
        mysql_database,
        "CREATE TABLE t (id INT PRIMARY KEY, j JSON, s VARCHAR(9))",
        f"INSERT INTO t VALUES (1, {price}, '1.10'), (2, JSON_ARRAY(CAST('2026-02-03' AS DATE)), '')",
        "INSERT INTO t VALUES (3, '[1.5]', NULL)",
        "CREATE TABLE plain (id INT PRIMARY KEY, j JSON)",
        "INSERT INTO plain VALUES (1, '[1.5, \"x\"]')",
    )
    for change in (
        "",
        "j = '[1.6]' WHERE id = 3",
        "j = JSON_SET(j, '$[0]', 1.2) WHERE id = 1",
        "s = '1.1' WHERE id = 1",
    ):
        snapshot = taken(mysql_server, mysql_database)
        found = _differences(mysql_server, mysql_database, change)
        assert found == (["rows 't' has another checksum"] if change else [])
    assert snapshot.details["warnings"] == [
        "of t.j decimals within JSON come back as the nearest DOUBLE",
        "of t.j dates, times and binary values within JSON come back as text",
    ]


def test_what_belongs_to_nobody_here_comes_back_as_it_is(server: Server, database: str) -> None:
    run(
        server,
        database,
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "CREATE DEFINER = 'no one'@'%' PROCEDURE p() SELECT 1",
    )
    with copied(server, database) as copy:
        assert copy.differences == []
        assert picture(server, copy.schema)["routines"] == picture(server, database)["routines"]


def _differences(server: Server, database: str, change: str) -> list[str]:
    """Restore beside the database, change a row there, and give what the engine finds."""
    snapshot, engine = taken(server, database), engine_on(server, database)
    with engine.lock("test", timeout=10), engine.shadow("test") as shadow:
        shadow.load(snapshot)
        if change:
            run(server, shadow.scratch.name, f"UPDATE t SET {change}")
        return compare(snapshot.facts, shadow.facts())


def _exchange(server: Server, database: str) -> None:
    """Put the file of one MyISAM table in the place of another's."""
    script = (
        'cd "$(dirname "$(ls -d /var/lib/mysql/*/bytes.MYD)")" && cp bytes.MYD t@0025s.MYD && cp bytes.MYI t@0025s.MYI'
    )
    subprocess.run(["docker", "exec", server.container, "sh", "-c", script], check=True, timeout=60)
    run(server, database, "FLUSH TABLES")


def _statements(script: str) -> list[str]:
    return [part.strip() for part in script.split(";\n") if part.strip()]


@pytest.fixture
def mysql_database(mysql_server: Server) -> Iterator[str]:
    """The name of an empty database on MySQL."""
    yield from _database(mysql_server)


@pytest.fixture
def mariadb_database(mariadb_server: Server) -> Iterator[str]:
    """The name of an empty database on MariaDB."""
    yield from _database(mariadb_server)


def _database(server: Server) -> Iterator[str]:
    with name_of_a_database(server) as name:
        run(server, None, f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")
        yield name


def test_a_timestamp_without_a_default_is_given_none(server: Server, database: str) -> None:
    setting = "explicit_defaults_for_timestamp"
    run(server, database, f"SET SESSION {setting} = 1", "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NOT NULL)")
    run(server, None, f"SET GLOBAL {setting} = 0")
    try:
        with copied(server, database) as copy:
            assert copy.differences == []
    finally:
        run(server, None, f"SET GLOBAL {setting} = 1")
