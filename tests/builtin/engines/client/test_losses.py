"""What no dump brings back is refused or named at the backup, and not found out at a restore."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deckinfra.builtin.engines.client.losses import LOSSLESS
from deckinfra.builtin.engines.client.shadow import ClientShadow
from deckinfra.errors import RefusedError
from deckinfra.mysql.names import quoted
from deckinfra.ports import Engine
from deckinfra.services.restore import compare
from deckinfra.testing.snapshots import MemorySnapshot
from tests.builtin.engines.client.support import engine_on, restored, taken
from tests.mysql.support import name_of_a_database, picture, run
from tests.support.servers import Server


def test_every_byte_of_the_charsets_that_are_called_lossless_comes_back(server: Server) -> None:
    known = run(server, None, "SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS")
    tried = [name for name, longest in known if name in LOSSLESS and longest == 1]
    for charset in tried:
        every = ", ".join(
            f"HEX(CONVERT(CONVERT(_{charset} 0x{byte:02X} USING utf8mb4) USING {charset}))" for byte in range(256)
        )
        assert run(server, None, f"SELECT {every}")[0] == tuple(f"{byte:02X}" for byte in range(256)), charset
    assert LOSSLESS - set(tried) == {"utf8", "utf8mb3", "utf8mb4"}


@pytest.mark.parametrize(
    ("charset", "lost", "kept"),
    [("cp1251", "98", "E0"), ("cp1250", "81", "E1"), ("hebrew", "A1", "E0"), ("cp1251 DEFAULT (1)", "98", "E0")],
)
def test_text_that_no_dump_brings_back_is_refused(
    server: Server, database: str, tmp_path: Path, charset: str, lost: str, kept: str
) -> None:
    column = f"`te``xt` VARCHAR(5) CHARACTER SET {charset}"
    charset = charset.partition(" ")[0]
    run(
        server,
        database,
        f"CREATE TABLE `an old one` (id INT PRIMARY KEY, {column})",
        f"INSERT INTO `an old one` VALUES (1, _{charset} 0x{kept}), (2, NULL), (3, '')",
    )
    engine = engine_on(server, database, tmp_path)
    restored(engine, taken(engine))
    assert run(server, database, "SELECT HEX(`te``xt`) FROM `an old one` WHERE id = 1") == [(kept,)]
    run(server, database, f"INSERT INTO `an old one` VALUES (4, _{charset} 0x{lost})")
    with pytest.raises(RefusedError, match=r"an old one\.te`xt \(1 rows\)") as caught:
        taken(engine)
    assert "No backup was made" in caught.value.hint


def differences(engine: Engine, snapshot: MemorySnapshot, change: Callable[[str], object]) -> list[str]:
    """Load a snapshot, change what was loaded in the schema that is given, and tell what differs then."""
    with engine.shadow("test") as shadow:
        assert isinstance(shadow, ClientShadow)
        shadow.load(snapshot)
        assert compare(snapshot.facts, shadow.facts()) == []
        change(shadow.scratch.name)
        return compare(snapshot.facts, shadow.facts())


@pytest.mark.parametrize(
    ("columns", "values", "warned"),
    [
        ("id INT PRIMARY KEY, a DOUBLE, b INT", "(1, -0e0, 3), (2, -0.5, 4)", ["t.a zeros"]),
        ("id INT PRIMARY KEY, a DOUBLE DEFAULT (1), b INT", "(1, -0e0, 3), (2, 0.5, 4)", ["t.a zeros"]),
        ("id INT PRIMARY KEY, a FLOAT, b INT", "(1, -0e0, 3), (2, 0.5, 4)", ["t.a only", "t.a zeros"]),
        ("a INT NULL, b INT, UNIQUE (a)", "(NULL, 4), (1, 1), (NULL, 3), (NULL, 4)", []),
    ],
)
def test_what_comes_back_in_another_way_is_compared_but_for_that(
    server: Server, database: str, tmp_path: Path, columns: str, values: str, warned: list[str]
) -> None:
    run(server, database, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES {values}")
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    for text, warning in zip(warned, snapshot.details["warnings"], strict=True):
        assert text in warning
    found = differences(engine, snapshot, lambda schema: run(server, schema, "UPDATE t SET b = 5 WHERE b = 4"))
    assert found == ["table 't' has another checksum"]
    restored(engine, snapshot)


@pytest.mark.parametrize("numbered", ["id INT PRIMARY KEY", "id INT NULL, UNIQUE (id)"])
def test_decimals_in_json_are_named_and_all_else_is_compared(
    mysql_server: Server, mysql_database: str, tmp_path: Path, numbered: str
) -> None:
    price = "CAST(1.10 AS DECIMAL(4, 2)), CAST(2 AS DECIMAL(4, 2)), CAST('-1234567890123456789012' AS DECIMAL(30, 0))"
    run(
        mysql_server,
        mysql_database,
        f"CREATE TABLE t ({numbered}, j JSON, s VARCHAR(9))",
        f"INSERT INTO t VALUES (1, JSON_ARRAY({price}, 'it''s \\\\ 1.10'), '1.10')",
        "INSERT INTO t VALUES (2, NULL, ''), (3, '[1.5]', NULL), (4, CAST(0.10 AS JSON), '-0')",
        "INSERT INTO t VALUES (5, '\"1.10\"', 'x')",
    )
    engine = engine_on(mysql_server, mysql_database, tmp_path)
    snapshot = taken(engine)
    assert any("t.j numbers with a decimal point" in warning for warning in snapshot.details["warnings"])
    for change in (
        "j = '[1.6]' WHERE id = 3",
        "j = JSON_SET(j, '$[0]', 1.2) WHERE id = 1",
        "s = 'y' WHERE id = 5",
        "s = '1.1' WHERE id = 1",
    ):
        found = differences(
            engine,
            snapshot,
            partial(lambda text, schema: run(mysql_server, schema, f"UPDATE t SET {text}"), change),
        )
        assert found == ["table 't' has another checksum"]
    restored(engine, snapshot)
    assert run(mysql_server, mysql_database, "SELECT COUNT(*) FROM t") == [(5,)]


@pytest.mark.parametrize(
    ("value", "there", "back"),
    [
        ("JSON_OBJECT('a', JSON_ARRAY(CAST('2026-02-03 04:05' AS DATETIME)))", "DATETIME", "STRING"),
        ("JSON_OBJECT('a', JSON_ARRAY(CAST(0x00FF AS BINARY)))", "BLOB", "STRING"),
        ("'{\"a\": [1.5]}'", "DOUBLE", "DOUBLE"),
    ],
)
def test_what_becomes_text_within_json_is_named(
    mysql_server: Server, mysql_database: str, tmp_path: Path, value: str, there: str, back: str
) -> None:
    run(
        mysql_server,
        mysql_database,
        "CREATE TABLE t (id INT PRIMARY KEY, j JSON)",
        f"INSERT INTO t VALUES (1, {value}), (2, NULL), (3, '\"2026-02-03\"')",
    )
    kind = "SELECT JSON_TYPE(JSON_EXTRACT(j, '$.a[0]')) FROM t WHERE id = 1"
    assert run(mysql_server, mysql_database, kind) == [(there,)]
    engine = engine_on(mysql_server, mysql_database, tmp_path)
    snapshot = taken(engine)
    said = ["of t.j dates, times and binary values within JSON come back as text"] if there != back else []
    assert snapshot.details["warnings"] == said
    assert snapshot.details["by_rows"] == {}, "it is the same text, and compared to the bit"
    restored(engine, snapshot)
    assert run(mysql_server, mysql_database, kind) == [(back,)]


def test_what_becomes_text_is_named_beside_a_decimal_in_the_same_row(
    mysql_server: Server, mysql_database: str, tmp_path: Path
) -> None:
    price, day = "CAST(1.10 AS DECIMAL(4, 2))", "CAST('2026-02-03' AS DATE)"
    run(
        mysql_server,
        mysql_database,
        "CREATE TABLE t (id INT PRIMARY KEY, j JSON)",
        "CREATE TABLE u (id INT PRIMARY KEY, j JSON)",
        f"INSERT INTO t VALUES (1, JSON_OBJECT('price', {price}, 'day', {day}, 'name', 'a'))",
        f"INSERT INTO u VALUES (1, JSON_OBJECT('price', {price}, 'day', '2026-02-03')), (2, JSON_ARRAY({price}))",
    )
    engine = engine_on(mysql_server, mysql_database, tmp_path)
    snapshot = taken(engine)
    assert snapshot.details["warnings"] == [
        "of t.j numbers with a decimal point within JSON may come back as the nearest DOUBLE",
        "of t.j dates, times and binary values within JSON come back as text",
        "of u.j numbers with a decimal point within JSON may come back as the nearest DOUBLE",
    ]
    restored(engine, snapshot)


def test_ordinary_rows_are_compared_to_the_bit(server: Server, database: str, tmp_path: Path) -> None:
    run(
        server,
        database,
        "CREATE TABLE t (id INT PRIMARY KEY, a DOUBLE, j JSON, u INT NULL, UNIQUE (u))",
        "CREATE TABLE either (a INT NOT NULL, b INT NULL, UNIQUE (b), UNIQUE (a))",
        "INSERT INTO t VALUES (1, 0, '{\"a\": [1.5, \"x\"]}', NULL), (2, -0.5, NULL, NULL), (3, NULL, '1', 1)",
    )
    snapshot = taken(engine_on(server, database, tmp_path))
    assert snapshot.details["by_rows"] == {}
    assert all(each.checksum for each in snapshot.facts if each.kind == "table")


@pytest.mark.parametrize(
    ("dialect", "setting", "statements"),
    [
        (
            "mysql",
            "sql_require_primary_key",
            ("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"),
        ),
        (
            "mysql",
            "sql_generate_invisible_primary_key",
            ("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"),
        ),
        (
            "mysql",
            "",
            (
                "SET restrict_fk_on_non_standard_key = OFF",
                "CREATE TABLE p (id INT PRIMARY KEY, k INT, KEY (k))",
                "CREATE TABLE t (id INT PRIMARY KEY, k INT, FOREIGN KEY (k) REFERENCES p (k))",
            ),
        ),
        (
            "mariadb",
            "",
            ("CREATE TABLE t (a INT, CHECK (a > 0))", "SET check_constraint_checks = 0", "INSERT INTO t VALUES (-1)"),
        ),
        (
            "mariadb",
            "",
            (
                "SET innodb_strict_mode = 0",
                "CREATE TABLE t (a INT PRIMARY KEY) ENGINE = InnoDB ROW_FORMAT = DYNAMIC KEY_BLOCK_SIZE = 8",
            ),
        ),
    ],
)
def test_what_the_server_took_once_it_takes_again(
    request: pytest.FixtureRequest, tmp_path: Path, dialect: str, setting: str, statements: tuple[str, ...]
) -> None:
    server: Server = request.getfixturevalue(f"{dialect}_server")
    with name_of_a_database(server) as name:
        run(server, None, f"CREATE DATABASE {quoted(name)}", f"USE {quoted(name)}", *statements)
        if setting:
            server.as_root(f"SET GLOBAL {setting} = 1")
        try:
            engine = engine_on(server, name, tmp_path)
            snapshot = taken(engine)
            with engine.shadow("test") as shadow:
                shadow.load(snapshot)
                assert compare(snapshot.facts, shadow.facts()) == []
        finally:
            if setting:
                server.as_root(f"SET GLOBAL {setting} = 0")


def keyed(*, table: str = "t", column: str = "k", name: str = "fk", parent: str = "p", to: str = "k") -> list[str]:
    """Give the statements that make a table with a foreign key, called as given."""
    return [
        f"CREATE TABLE {quoted(parent)} ({quoted(to)} INT PRIMARY KEY)",
        f"CREATE TABLE {quoted(table)} (id INT PRIMARY KEY, {quoted(column)} INT, "
        f"CONSTRAINT {quoted(name)} FOREIGN KEY ({quoted(column)}) REFERENCES {quoted(parent)} ({quoted(to)}))",
        f"INSERT INTO {quoted(parent)} VALUES (1)",
        f"INSERT INTO {quoted(table)} VALUES (1, 1), (2, NULL)",
    ]


@pytest.mark.parametrize("where", ["name", "column", "to"])
def test_a_foreign_key_that_mariadb_prints_wrongly_is_refused_there_and_comes_back_on_mysql(
    server: Server, database: str, tmp_path: Path, where: str
) -> None:
    run(server, database, *keyed(**{where: "a `tick`"}))
    engine = engine_on(server, database, tmp_path)
    if server.dialect == "mysql":
        restored(engine, taken(engine))
        return
    name = "a `tick`" if where == "name" else "fk"
    with pytest.raises(RefusedError, match=f"foreign key '{name}' of table 't'") as caught:
        taken(engine)
    assert "No backup was made" in caught.value.hint


ODD = ["a `tick`", "it's \\", 'a "b"', "a;b-- /* # (", "INSERT INTO x VALUES (", "%s @a?"]


def test_names_of_every_other_kind_come_back(server: Server, database: str, tmp_path: Path) -> None:
    for odd in ODD:
        key = "fk" if "`" in odd else odd
        name, more = quoted(odd), quoted(f"{odd} more")
        run(
            server,
            database,
            *keyed(table=odd, parent=f"{odd} to", name=key, column=key, to=key),
            f"CREATE TABLE {more} (id INT PRIMARY KEY, {name} INT, made INT AS ({name} + 1) STORED, "
            f"KEY {name} ({name}), CONSTRAINT {quoted(odd + 'c')} CHECK ({name} > 0)) "
            f"PARTITION BY RANGE (id) (PARTITION {name} VALUES LESS THAN (9))",
            f"INSERT INTO {more} (id, {name}) VALUES (1, 2)",
            f"CREATE TRIGGER {name} BEFORE INSERT ON {name} FOR EACH ROW SET @a = 1",
            f"CREATE VIEW {quoted(odd + 'v')} AS SELECT {name} FROM {more}",
            f"CREATE PROCEDURE {name}() SELECT 1",
            f"CREATE EVENT {name} ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO SELECT 1",
        )
    before = picture(server, database)
    engine = engine_on(server, database, tmp_path)
    restored(engine, taken(engine))
    assert picture(server, database) == before
