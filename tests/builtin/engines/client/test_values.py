"""Whatever is in a database comes back, to the byte, and the facts of both are the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from deckinfra.mysql.names import quoted
from deckinfra.testing.snapshots import MemorySnapshot
from tests.builtin.engines.client.support import engine_on, restored, taken
from tests.mysql.support import connect, fill, picture, run
from tests.support.servers import Server

EVERY_BYTE = bytes(range(256))
TRICKY = (
    "NULL",
    "",
    "it's",
    '"',
    "\\",
    "\\'",
    "a),(b",
    "');",
    "--\n-- Table structure for table `x`\n--\n",
    "\0\r\x1a%s",
)

TYPES = """
CREATE TABLE numbers (id INT PRIMARY KEY, t TINYINT, u BIGINT UNSIGNED, z INT(6) ZEROFILL, d DECIMAL(65,30), f DOUBLE,
    b BIT(64), y YEAR, o BOOL);
INSERT INTO numbers VALUES (1, -128, 18446744073709551615, 42,
    12345678901234567890123456789012345.123456789012345678901234567891, 0.1,
    b'1000000000000000000000000000000000000000000000000000000000000001', 1901, TRUE);
INSERT INTO numbers VALUES (-2147483648, NULL, 0, NULL, -0.000000000000000000000000000001,
    2.2250738585072014e-308, b'0', 2155, FALSE);
INSERT INTO numbers VALUES (0, 127, NULL, 0, NULL, -1.7976931348623157e308, NULL, 0000, NULL);
CREATE TABLE times (id INT AUTO_INCREMENT PRIMARY KEY, d DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(6) NULL);
INSERT INTO times VALUES (NULL, '0000-00-00', '-838:59:59.000000', '0000-00-00 00:00:00', '1970-01-01 00:00:01');
INSERT INTO times VALUES (NULL, '9999-12-31', '838:59:59', '2024-02-30 00:00:00.5', '2038-01-19 03:14:07.999999');
INSERT INTO times VALUES (NULL, '2024-00-10', NULL, NULL, '2024-03-31 02:30:00');
CREATE TABLE choices (e ENUM('', 'it''s', 'ä,b', 'NULL'), s SET('one', 'two ö', 'it''s'), n INT) CHARSET latin1;
INSERT INTO choices VALUES ('', '', 1), ('it''s', 'one,it''s', 2), (NULL, NULL, 3);
INSERT INTO choices VALUES ('NULL', 'two ö', 4), (0, 0, 5), (0, 7, 5);
CREATE TABLE charsets (l VARCHAR(20) CHARACTER SET latin1, u TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    w VARCHAR(20) CHARACTER SET utf16, a CHAR(9) CHARACTER SET ascii,
    g VARCHAR(20) CHARACTER SET latin2 DEFAULT 'ł ''s');
INSERT INTO charsets VALUES ('é€ÿ', '🂡 ä漢', '🂡ÿ', 'plain', DEFAULT);
INSERT INTO charsets VALUES ('', '', '', '', NULL), (NULL, NULL, NULL, 'x', 'ő');
CREATE TABLE bytes (id INT PRIMARY KEY, f BINARY(4), v VARBINARY(300), b LONGBLOB);
CREATE TABLE texts (id INT PRIMARY KEY, t LONGTEXT);
CREATE TABLE made (a INT PRIMARY KEY, v INT AS (a * 2) VIRTUAL, s VARCHAR(30) AS (CONCAT('it''s ', a)) STORED,
    hidden INT INVISIBLE DEFAULT 7, c INT DEFAULT (1 + 2), CHECK (a > -5), KEY k (v), UNIQUE KEY (s))
    COMMENT 'a "table" that''s odd\\nwith a break';
INSERT INTO made (a, hidden) VALUES (1, 100), (2, NULL);
CREATE TABLE shapes (id INT PRIMARY KEY, p POINT, g GEOMETRY);
INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 2)'),
    ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))')), (2, NULL, NULL);
CREATE TABLE docs (id INT PRIMARY KEY, j JSON);
INSERT INTO docs VALUES (1, '{"a": [1, 1.5, "it''s \\\\\\\\ \\\\n", null, true], "ä": "🂡"}'), (2, 'null');
INSERT INTO docs VALUES (3, NULL), (4, '""');
CREATE TABLE `no key` (a INT, b VARCHAR(9));
INSERT INTO `no key` VALUES (3, 'c'), (1, 'a'), (3, 'c'), (NULL, NULL), (2, 'b');
CREATE TABLE unique_or_null (a INT, b INT, UNIQUE KEY (a));
INSERT INTO unique_or_null VALUES (NULL, 3), (2, 2), (NULL, 1), (1, 1), (NULL, 2);
CREATE TABLE covered (a INT PRIMARY KEY, b INT, KEY (b));
INSERT INTO covered VALUES (1, 3), (2, 2), (3, 1);
CREATE TABLE parted (id INT PRIMARY KEY, n INT) PARTITION BY RANGE (id)
    (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1, 1), (11, 2);
CREATE TABLE nothing (a INT);
CREATE TABLE `we``ird (x) 'y' "z" \\ ä` (`co'l (1` INT, `b\\` INT, `INSERT INTO ``q`` VALUES (` VARCHAR(99));
INSERT INTO `we``ird (x) 'y' "z" \\ ä` VALUES (1, 2, 'INSERT INTO `we``ird (x)'), (3, 4, '(((');
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE achild (id INT PRIMARY KEY, p INT, CONSTRAINT `f k'` FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO parent VALUES (1);
INSERT INTO achild VALUES (1, 1), (2, NULL);
CREATE TABLE countdown (id INT AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 1000;
INSERT INTO countdown VALUES (5);
UPDATE countdown SET id = 5000
"""


def _statements(script: str) -> list[str]:
    return [part.strip() for part in script.split(";\n") if part.strip()]


def facts_of(taken_snapshot: MemorySnapshot) -> dict[tuple[str, str], Any]:
    return {(each.kind, each.name): each for each in taken_snapshot.facts}


def plant(server: Server, name: str) -> None:
    """Make a table of every type, with the values at its ends."""
    run(server, name, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'", *_statements(TYPES))
    with closing(connect(server, name)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO bytes VALUES (1, '', %s, %s), (2, NULL, '', NULL)", (EVERY_BYTE, EVERY_BYTE * 5000))
        cursor.executemany("INSERT INTO texts VALUES (%s, %s)", [*enumerate(TRICKY), (100, "ö" * 2_000_000)])


def test_values_of_every_type_come_back(server: Server, database: str, tmp_path: Path) -> None:
    plant(server, database)
    before = picture(server, database)
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    run(server, database, "UPDATE texts SET t = 'gone'", "DELETE FROM bytes", "DROP TABLE shapes", "DELETE FROM achild")
    restored(engine, snapshot)
    assert picture(server, database)["tables"] == before["tables"]
    counted = {name: len(rows) for name, rows in before["tables"].items()}
    assert counted == {each.name: each.rows for each in snapshot.facts if each.kind == "table"}


def test_a_restored_database_gives_the_same_snapshot_again(server: Server, database: str, tmp_path: Path) -> None:
    plant(server, database)
    engine = engine_on(server, database, tmp_path)
    first = taken(engine)
    restored(engine, first)
    second = taken(engine)
    restored(engine, second)
    assert second.contents == taken(engine).contents
    assert facts_of(first) == facts_of(second)


def test_all_that_is_around_the_tables_comes_back(server: Server, database: str, tmp_path: Path) -> None:
    fill(server, database, "one")
    before = picture(server, database)
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    kinds = {each.kind for each in snapshot.facts}
    assert kinds == {
        *("table", "definition", "view", "trigger", "function", "procedure", "event", "schema"),
    }
    run(server, None, f"DROP DATABASE {quoted(database)}")
    restored(engine, snapshot)
    after = picture(server, database)
    assert {**after, "definitions": None} == {**before, "definitions": None}


def test_a_table_that_did_not_change_is_in_the_same_chunks(server: Server, database: str, tmp_path: Path) -> None:
    plant(server, database)
    engine = engine_on(server, database, tmp_path)
    first = taken(engine)
    run(server, database, "INSERT INTO nothing VALUES (1)")
    second = taken(engine)
    assert [key for key in first.contents if first.contents[key] != second.contents[key]] == [("table", "nothing")]


def test_tables_without_transactions_are_locked_and_it_says_so(server: Server, database: str, tmp_path: Path) -> None:
    run(
        server,
        database,
        "CREATE TABLE old_one (a INT, b MEDIUMTEXT, KEY (a)) ENGINE = MyISAM",
        "CREATE TABLE z_new (a INT PRIMARY KEY)",
        "INSERT INTO old_one VALUES (3, 'c'), (1, 'a'), (2, 'b')",
        "DELETE FROM old_one WHERE a = 1",
        *[f"INSERT INTO old_one VALUES ({n}, REPEAT('{n % 10}', 2000000))" for n in range(10)],
        "INSERT INTO z_new VALUES (1)",
    )
    before = picture(server, database)["tables"]
    engine = engine_on(server, database, tmp_path)
    with engine.snapshot() as snapshot:
        refused = [_refused(server, database, f"UPDATE {name} SET a = 9") for name in ("old_one", "z_new")]
        kept = MemorySnapshot.of(snapshot)
    assert all("Lock wait timeout" in text for text in refused)
    assert kept.details["held_by"] == "locks"
    assert "old_one" in kept.details["warnings"][0]
    restored(engine, kept)
    assert picture(server, database)["tables"] == before


def _refused(server: Server, database: str, statement: str) -> str:
    import pymysql

    try:
        run(server, database, "SET SESSION lock_wait_timeout = 1", statement)
    except pymysql.err.Error as error:
        return str(error)
    return ""


def test_a_float_is_warned_of(server: Server, database: str, tmp_path: Path) -> None:
    run(server, database, "CREATE TABLE t (a FLOAT, b DOUBLE)")
    warnings = taken(engine_on(server, database, tmp_path)).details["warnings"]
    assert [warning.partition(" are ")[0] for warning in warnings] == ["of t.a only the first six digits"]


def test_the_revisions_are_those_of_the_same_moment(server: Server, database: str, tmp_path: Path) -> None:
    run(
        server,
        database,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('b2'), ('a1')",
    )
    with engine_on(server, database, tmp_path).snapshot() as snapshot:
        run(server, database, "DELETE FROM alembic_version")
        list(snapshot.chunks())
        assert snapshot.revisions == ("a1", "b2")


def test_an_empty_database_comes_back_empty(server: Server, database: str, tmp_path: Path) -> None:
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    run(server, database, "CREATE TABLE later (a INT)")
    restored(engine, snapshot)
    assert picture(server, database)["tables"] == {}
