"""Schemas with everything in them, and a look at them with the bare driver."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pymysql

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.mysql import LiveDatabase, ObjectSet
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from deckinfra.ports import Kept
from tests.support.servers import Server

WEIRD = "we`ird täble %s"

_TABLES = """
CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(50), upper_name VARCHAR(50) AS (UPPER(name)) STORED);
CREATE TABLE `child item` (id INT AUTO_INCREMENT PRIMARY KEY, parent INT NOT NULL,
    CONSTRAINT fk_child FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE);
CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100));
CREATE TABLE plain (id INT PRIMARY KEY, parent INT, CONSTRAINT fk_plain FOREIGN KEY (parent) REFERENCES parent (id));
CREATE TABLE `we``ird täble %s` (`a``b` INT, ``` INT);
CREATE TABLE only_{marker} (id INT PRIMARY KEY)
""".replace("```", "`cö l`")

_ROWS = """
INSERT INTO parent (id, name) VALUES (1, '{marker}'), (2, 'two of {marker}');
INSERT INTO `child item` (parent) VALUES (1), (2), (2);
INSERT INTO plain VALUES (1, 2);
INSERT INTO `we``ird täble %s` VALUES (1, 2)
"""

_OBJECTS = """
SET SESSION sql_mode = 'ANSI_QUOTES';
CREATE FUNCTION shout(word VARCHAR(50)) RETURNS VARCHAR(60) DETERMINISTIC
    RETURN CONCAT("word", ' of {marker}', '%s; "');
SET SESSION sql_mode = '';
CREATE PROCEDURE count_{marker}() BEGIN SELECT COUNT(*) FROM parent; SELECT 'ä €'; END;
CREATE VIEW z_base AS SELECT id, name, '`' AS tick FROM parent;
CREATE VIEW a_top AS SELECT id, shout(name) AS loud, '{marker}' AS marker FROM z_base;
CREATE TRIGGER z_first BEFORE INSERT ON parent FOR EACH ROW SET NEW.name = CONCAT(NEW.name, ' +1');
CREATE TRIGGER a_second BEFORE INSERT ON parent FOR EACH ROW FOLLOWS z_first
    SET NEW.name = CONCAT(NEW.name, ' +2 {marker}');
CREATE TRIGGER noted AFTER INSERT ON `child item` FOR EACH ROW INSERT INTO log (what) VALUES (CONCAT(NEW.id, ' é'));
CREATE TRIGGER only_{marker} AFTER DELETE ON `we``ird täble %s` FOR EACH ROW INSERT INTO log (what) VALUES ('gone');
SET SESSION time_zone = '+03:00';
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' COMMENT 'of {marker}' DO DELETE FROM log;
CREATE EVENT paused ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01 03:00:00' DISABLE DO DELETE FROM log
"""


def connect(server: Server, schema: str | None = None) -> pymysql.Connection[Any]:
    """Connect as root with the bare driver."""
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user="root",
        password=server.root_password,
        database=schema,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=10,
    )


def run(server: Server, schema: str | None, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one after the other, and give the rows of the last one."""
    with closing(connect(server, schema)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def url_of(server: Server, database: str) -> DatabaseURL:
    """Give root's URL of a database."""
    password = Secret(server.root_password)
    return DatabaseURL(server.dialect, "", "root", "127.0.0.1", server.port, database, "", password)


def live_of(
    server: Server, database: str, *, patience: float = 10, trace: Callable[[str], None] = lambda statement: None
) -> LiveDatabase:
    return LiveDatabase(Account(url_of(server, database), patience=patience, trace=trace), database)


@contextmanager
def name_of_a_database(server: Server) -> Iterator[str]:
    """Give a name that is hard on whoever forgets a quote; what is called so in the end, or begins so, is dropped."""
    name = f"d`e ck-ü%s {secrets.token_hex(4)}"
    try:
        yield name
    finally:
        for (schema,) in run(server, None, "SHOW DATABASES"):
            if schema.startswith(name):
                run(server, None, f"DROP DATABASE {quoted(schema)}")


def fill(server: Server, schema: str, marker: str, *, objects: bool = True) -> None:
    """Make the tables of a state called ``marker`` in ``schema``, and the objects around them."""
    script = _TABLES + ";" + _ROWS + (";" + _OBJECTS if objects else "")
    statements = [part.replace("{marker}", marker) for part in _split(script)]
    run(server, None, f"CREATE DATABASE IF NOT EXISTS {quoted(schema)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    run(server, schema, *statements)


def objects_of(server: Server, name: str, marker: str) -> ObjectSet:
    """Give the objects of a state, from a schema that is made and dropped for it."""
    schema = f"{name} source"
    fill(server, schema, marker)
    with Account(url_of(server, schema)).connect() as session:
        found = ObjectSet.of(session, schema)
    run(server, None, f"DROP DATABASE {quoted(schema)}")
    return found


def restore(server: Server, live: LiveDatabase, marker: str, objects: ObjectSet) -> Kept | None:
    """Swap a state in, as an engine does."""
    with live.lock("db.restore", timeout=10):
        live.recover()
        with live.scratch("db.restore", collation="utf8mb4_general_ci") as scratch:
            fill(server, scratch.name, marker, objects=False)
            return live.swap(scratch, f"replaced by {marker}", objects)


def picture(server: Server, schema: str) -> dict[str, Any]:
    """Take down everything of a schema that people would miss."""
    with closing(connect(server, schema)) as connection, connection.cursor() as cursor:

        def rows(statement: str) -> list[Any]:
            cursor.execute(statement)
            return sorted(tuple(map(str, row)) for row in cursor.fetchall())

        here = " = DATABASE()"
        tables = rows(
            f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE <> 'VIEW' AND TABLE_SCHEMA{here}"
        )
        return {
            "tables": {name: rows(f"SELECT * FROM {quoted(name)}") for (name,) in tables},
            "definitions": {name: rows(f"SHOW CREATE TABLE {quoted(name)}") for (name,) in tables},
            "views": {name: rows(f"SELECT * FROM {quoted(name)}") for name in _names(rows, "VIEWS", "TABLE")},
            "view statements": [rows(f"SHOW CREATE VIEW {quoted(name)}") for name in _names(rows, "VIEWS", "TABLE")],
            "triggers": rows(
                "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_TIMING, EVENT_MANIPULATION, SQL_MODE, "
                "ACTION_STATEMENT, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION "
                f"FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA{here}"
            ),
            "routines": rows(
                "SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, "
                f"DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA{here}"
            ),
            "events": rows(
                "SELECT EVENT_NAME, STATUS, TIME_ZONE, STARTS, INTERVAL_VALUE, INTERVAL_FIELD, EVENT_DEFINITION, "
                f"EVENT_COMMENT, DEFINER, SQL_MODE FROM information_schema.EVENTS WHERE EVENT_SCHEMA{here}"
            ),
            "default": rows(f"SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME{here}"),
        }


def beside(server: Server, database: str) -> list[str]:
    """Give the schemas beside a database, but for the workspace; by kind."""
    names = [
        name.removeprefix(database) for (name,) in run(server, None, "SHOW DATABASES") if name.startswith(database)
    ]
    return sorted(name.split("_")[2] for name in names if name and name != "__deckinfra")


def _names(rows: Callable[[str], list[Any]], what: str, prefix: str) -> list[str]:
    return [
        row[0]
        for row in rows(f"SELECT {prefix}_NAME FROM information_schema.{what} WHERE {prefix}_SCHEMA = DATABASE()")
    ]


def _split(script: str) -> list[str]:
    """Cut a script at semicolons that end a line."""
    return [part.strip() for part in script.replace(";;", ";").split(";\n") if part.strip(" ;\n")]
