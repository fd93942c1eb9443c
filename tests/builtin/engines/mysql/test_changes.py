"""The schema is changed while it is backed up: the change does not come through, or there is no backup."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Thread, Timer

import pymysql
import pytest

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.snapshot import taken
from deckinfra.core.secret import Secret
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server as Account
from deckinfra.mysql.faults import LOCK_WAIT_TIMEOUT
from deckinfra.mysql.names import quoted
from deckinfra.mysql.server import LOCK_SLICE
from deckinfra.ports import Snapshot
from deckinfra.testing import MemorySnapshot
from tests.mysql.support import connect, run, url_of
from tests.support.servers import PASSWORD, Server

CHANGES = {
    "add a column": ["ALTER TABLE t ADD COLUMN more INT DEFAULT 7"],
    "drop a column": ["ALTER TABLE t DROP COLUMN b"],
    "columns change names": ["ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a"],
    "drop a table": ["DROP TABLE t"],
    "create a table": ["CREATE TABLE another (id INT)"],
    "rename a table": ["RENAME TABLE t TO other"],
    "tables change names": ["RENAME TABLE t TO x, alike TO t, x TO alike"],
    "a table is made anew": ["DROP TABLE alike", "CREATE TABLE alike LIKE t"],
    "truncate": ["TRUNCATE TABLE t"],
    "truncate and fill": ["TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 9, 9)"],
    "truncate a partition": ["ALTER TABLE parted TRUNCATE PARTITION p0"],
    "drop a partition": ["ALTER TABLE parted DROP PARTITION p0"],
    "exchange a partition": ["ALTER TABLE parted EXCHANGE PARTITION p0 WITH TABLE t"],
    "alter a view": ["ALTER VIEW v AS SELECT b FROM t"],
    "drop a view": ["DROP VIEW v"],
    "drop a trigger": ["DROP TRIGGER noted"],
    "create a trigger": ["CREATE TRIGGER one_more BEFORE UPDATE ON t FOR EACH ROW SET NEW.a = 3"],
    "a procedure is made anew": ["DROP PROCEDURE p", "CREATE PROCEDURE p() SELECT 2"],
    "create an event": ["CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO DELETE FROM t"],
    "the default charset": ["ALTER DATABASE CHARACTER SET latin1"],
}


def filled(server: Server, schema: str) -> None:
    """Make the database anew."""
    columns = "(id INT PRIMARY KEY, a INT, b INT)"
    run(
        server,
        None,
        f"DROP DATABASE IF EXISTS {quoted(schema)}",
        f"CREATE DATABASE {quoted(schema)} CHARACTER SET utf8mb4",
        f"USE {quoted(schema)}",
        f"CREATE TABLE t {columns}",
        "INSERT INTO t VALUES (1, 1, 10), (2, 2, 20)",
        f"CREATE TABLE alike {columns}",
        "INSERT INTO alike VALUES (1, 3, 30), (2, 4, 40)",
        f"CREATE TABLE parted {columns} PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (9), "
        "PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "INSERT INTO parted VALUES (1, 5, 50), (11, 6, 60)",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER noted BEFORE INSERT ON alike FOR EACH ROW SET NEW.a = 1",
        "CREATE PROCEDURE p() SELECT 1",
    )


@contextmanager
def rights(server: Server, database: str, *, many: bool) -> Iterator[Account]:
    """Give root's account, or one that may see all of the database and lock its tables, and no more."""
    if many:
        yield Account(url_of(server, database), patience=5)
        return
    name = f"some{secrets.token_hex(4)}"
    everywhere = "SHOW_ROUTINE" if server.dialect == "mysql" else "SHOW CREATE ROUTINE"
    place = quoted(database).replace("%", "%%")
    server.as_root(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", PASSWORD)
    try:
        server.as_root(f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON {place}.* TO {name}@'%%'")
        server.as_root(f"GRANT {everywhere} ON *.* TO {name}@'%%'")
        yield Account(replace(url_of(server, database), username=name, password=Secret(PASSWORD)), patience=5)
    finally:
        server.as_root(f"DROP USER {name}@'%%'")


def changed(server: Server, database: str, statements: list[str]) -> bool:
    """Make a change; gives whether it came through within a second."""
    try:
        run(server, database, "SET SESSION lock_wait_timeout = 1", *statements)
    except pymysql.err.OperationalError as error:
        if error.args[0] != LOCK_WAIT_TIMEOUT:
            raise
        return False
    return True


class Once:
    """Runs a change just before the first statement that begins so."""

    def __init__(self, server: Server, database: str, statements: list[str]) -> None:
        self._server, self._database, self._statements = server, database, statements
        self.came_through: bool | None = None

    def __call__(self, statement: str) -> None:
        if self.came_through is None and statement.startswith(
            ("LOCK INSTANCE", "BACKUP STAGE", "FLUSH TABLES", "LOCK TABLES")
        ):
            self.came_through = changed(self._server, self._database, self._statements)


FEW = ("truncate", "truncate a partition", "tables change names")
"""What tables alone do not tell. (Not among them: to exchange a partition with a table. Without the right PROCESS it is
not noticed; but then both were read as they are after it, or neither.)"""

KEPT_OUT = ("add a column", "truncate", "alter a view", "drop a trigger")
"""Some of what MySQL keeps waiting: each of them takes a second."""


@pytest.mark.parametrize("many", [True, False], ids=["all rights", "few rights"])
def test_a_change_after_the_point_is_kept_out_or_noticed(server: Server, database: str, many: bool) -> None:
    names = FEW if not many else KEPT_OUT if server.dialect == "mysql" else tuple(CHANGES)
    for name in names:
        filled(server, database)
        if not many:
            time.sleep(1.1)  # without the right to see more, a table is told from another by the second it was made in
        with (
            rights(server, database, many=many) as account,
            taken(account, database, chosen({}), 2) as snapshot,
        ):
            came_through = changed(server, database, CHANGES[name])
            error, found = outcome(snapshot)
        if found is not None:
            assert not came_through, name
            assert found.contents["rows", "t"] == (b"1\t1\t10\n2\t2\t20\n",)
        else:
            assert came_through, (name, error)
            assert "the schema was changed while it was read" in error, name
            assert "No backup was made" in error, name


def connections(server: Server) -> set[int]:
    return {number for (number,) in run(server, None, "SELECT ID FROM information_schema.PROCESSLIST")}


def outcome(snapshot: Snapshot) -> tuple[str, MemorySnapshot | None]:
    """Read a snapshot; gives what was said of it, or the whole of it."""
    try:
        return "", MemorySnapshot.of(snapshot)
    except DatabaseError as error:
        return f"{error} {error.hint}", None


@pytest.mark.parametrize("name", ["add a column", "drop a table", "drop a column", "truncate", "create a table"])
def test_a_change_between_the_survey_and_the_point_is_noticed(server: Server, database: str, name: str) -> None:
    filled(server, database)
    once = Once(server, database, CHANGES[name])
    account = Account(url_of(server, database), patience=5, trace=once)
    with (
        pytest.raises(DatabaseError, match="the schema was changed while it was read") as caught,
        taken(account, database, chosen({}), 2) as snapshot,
    ):
        MemorySnapshot.of(snapshot)
    assert once.came_through
    assert "No backup was made" in caught.value.hint


def test_a_lock_that_is_lost_on_tables_without_transactions_is_no_backup(server: Server, database: str) -> None:
    run(
        server,
        database,
        "CREATE TABLE first (id INT PRIMARY KEY, n INT) ENGINE = MyISAM",
        "INSERT INTO first VALUES (1, 0)",
    )
    account = Account(url_of(server, database), patience=5)
    before = connections(server)
    with taken(account, database, chosen({}), 2) as snapshot:
        chunks = snapshot.chunks()
        assert [next(chunks).name for _ in range(3)][-1] == "first"
        # Two that read came first, then the one that holds the lock.
        lock = sorted(connections(server) - before)[2]
        run(server, None, f"KILL {lock}")
        run(server, database, "SET SESSION lock_wait_timeout = 10", "UPDATE first SET n = 7")
        with pytest.raises(DatabaseError, match=r"kept first of .* as they are was lost") as caught:
            list(chunks)
    assert "No backup was made" in caught.value.hint


def test_a_table_that_was_read_can_be_changed_and_then_there_is_no_backup(server: Server, database: str) -> None:
    filled(server, database)
    with rights(server, database, many=False) as account, taken(account, database, chosen({}), 2) as snapshot:
        chunks = snapshot.chunks()
        assert {next(chunks).name for _ in range(5)} == {"tables", "objects", "t", "alike", "parted"}
        # Were it kept waiting, nobody could read it either.
        assert changed(server, database, CHANGES["add a column"])
        with pytest.raises(DatabaseError, match="the schema was changed while it was read: t"):
            list(chunks)


def test_who_has_a_table_locked_for_a_while_is_waited_for(server: Server, database: str) -> None:
    filled(server, database)
    account = Account(url_of(server, database), patience=20)
    with closing(connect(server, database)) as other, taken(account, database, chosen({}), 2) as snapshot:
        other.cursor().execute("LOCK TABLES t WRITE")
        letting_go = Timer(LOCK_SLICE + 1, other.cursor().execute, ["UNLOCK TABLES"])
        letting_go.start()
        error, found = outcome(snapshot)
        letting_go.join()
    assert found is not None, error


def test_who_waits_to_write_to_a_table_without_transactions_keeps_nobody_from_reading_it(
    server: Server, database: str
) -> None:
    run(
        server,
        database,
        "CREATE TABLE moved (id INT PRIMARY KEY, n INT) ENGINE = MyISAM",
        "INSERT INTO moved VALUES (1, 1)",
        "CREATE TABLE t (id INT PRIMARY KEY)",
    )
    writing: list[Thread] = []

    def trace(statement: str) -> None:
        # The first time, the table is locked; the second time, the others are.
        if statement.startswith("LOCK TABLES") and not writing:
            writing.append(Thread(target=run, args=(server, database, "UPDATE moved SET n = 2")))
        elif statement.startswith("LOCK TABLES"):
            writing[0].start()
            time.sleep(0.5)

    with taken(Account(url_of(server, database), patience=2, trace=trace), database, chosen({}), 2) as snapshot:
        error, found = outcome(snapshot)
        assert writing[0].is_alive()
    writing[0].join()
    assert found is not None, error
    assert found.contents["rows", "moved"] == (b"1\t1\n",)
