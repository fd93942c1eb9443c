"""What a restore needs is looked at before a row is loaded, and all that is lacking is said at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import RefusedError
from deckinfra.ports import ALL_TABLES, DatabaseTools, Need, Tables
from deckinfra.testing import MemoryStore, RecordingReporter
from deckinfra.testing.snapshots import MemorySnapshot
from tests.builtin.engines.client.support import container_executor
from tests.builtin.engines.mysql.copies import engine_on, taken
from tests.builtin.engines.mysql.faulty import account, backed_up, restored
from tests.mysql.support import beside, picture, run, url_of
from tests.repository.support import open_repository
from tests.support.servers import Server

FORMER = "former"


def _fill(server: Server, database: str, definer: str) -> None:
    run(
        server,
        database,
        "CREATE TABLE cards (id INT PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO cards VALUES (1, 'Knight')",
        f"CREATE DEFINER = {definer} VIEW named AS SELECT name FROM cards",
        f"CREATE DEFINER = {definer} TRIGGER shouting BEFORE INSERT ON cards FOR EACH ROW "
        "SET NEW.name = UPPER(NEW.name)",
        f"CREATE DEFINER = {definer} FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1",
        f"CREATE DEFINER = {definer} EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO DELETE FROM cards",
    )


@contextmanager
def _of_one_who_left(server: Server, database: str) -> Iterator[str]:
    """Fill a database with what belongs to an account that is gone when a snapshot was taken of it."""
    name = f"{FORMER}{secrets.token_hex(4)}"
    run(server, None, f"CREATE USER {name}@'%'", f"GRANT ALL ON *.* TO {name}@'%'")
    try:
        _fill(server, database, f"{name}@'%'")
        yield name
    finally:
        run(server, None, f"DROP USER IF EXISTS {name}@'%'")


def _needs(
    server: Server,
    database: str,
    snapshot: MemorySnapshot,
    admin: DatabaseURL | None = None,
    tables: Tables = ALL_TABLES,
) -> Sequence[Need]:
    url = url_of(server, database)
    tools = DatabaseTools(container_executor(server), url)
    engine = MysqlEngine(url, admin or url, chosen({}), find_tools=lambda: tools)
    with engine.lock("test", timeout=10), engine.shadow_of("test", tables) as shadow:
        return shadow.needs(snapshot)


def test_room_on_the_servers_disk_is_told_where_its_tools_run(server: Server, database: str) -> None:
    _fill(server, database, "CURRENT_USER")
    run(server, None, "SET GLOBAL local_infile = 1")
    snapshot = taken(server, database)
    (room,) = _needs(server, database, snapshot)
    assert ("MiB are free" in room.what, room.lacking) == (True, "")
    vast = replace(snapshot, details={**snapshot.details, "on_disk": 2**60})
    (none,) = _needs(server, database, vast)
    assert "MiB are free there" in none.lacking
    run(server, None, "SET GLOBAL local_infile = 0")
    try:
        assert [need.lacking for need in _needs(server, database, snapshot) if "local_infile" in need.hint] == [""]
    finally:
        run(server, None, "SET GLOBAL local_infile = 1")


def test_every_right_that_is_lacking_is_named(server: Server, database: str) -> None:
    _fill(server, database, "CURRENT_USER")
    snapshot = taken(server, database)
    with account(server, database, "CREATE, DROP, SELECT, INSERT, UPDATE, DELETE ON {own}") as some:
        lacking = [need.lacking for need in _needs(server, database, snapshot, some) if need.lacking]
    assert len(lacking) == 1
    named = lacking[0].partition(" lacks ")[2].partition(" (")[0].split(", ")
    # The right REFERENCES is asked for by one of the two only.
    assert set(named) - {"REFERENCES"} == {
        "ALTER",
        "TRIGGER",
        "CREATE VIEW",
        "CREATE ROUTINE",
        "EVENT",
        "ALTER ROUTINE",
    }
    assert beside(server, database) == []


def test_tables_with_and_without_transactions_go_live_together_with_their_triggers(
    server: Server, database: str
) -> None:
    """MySQL lets nobody lock both sorts at once while it logs that, where it enforces GTID consistency, as it does."""
    _fill(server, database, "CURRENT_USER")
    run(server, database, "CREATE TABLE old (a INT) ENGINE = MyISAM", "INSERT INTO old VALUES (1)")
    before = picture(server, database)
    engine, store = engine_on(server, database), MemoryStore()
    repository = open_repository(store)
    backed_up(engine, repository)
    run(server, database, "UPDATE old SET a = 2", "DELETE FROM cards")
    spoilt = picture(server, database)
    restored(engine, repository)
    assert picture(server, database) == before
    with engine.lock("test", timeout=10):
        engine.undo()
    assert picture(server, database) == spoilt
    snapshot = taken(server, database)
    definers = "SET_ANY_DEFINER" if server.dialect == "mysql" else "SET USER"
    with account(server, database, "ALL ON {own}", f"{definers} ON *.*") as some:
        lacking = [need.what for need in _needs(server, database, snapshot, some) if need.lacking]
        some_tables = [
            need.what for need in _needs(server, database, snapshot, some, Tables(only=frozenset({"cards"})))
        ]
    assert not [what for what in some_tables if "SESSION_VARIABLES_ADMIN" in what], "only what moves is locked"
    assert [what.partition(":")[0] for what in lacking if what.startswith("the right ")] == (
        ["the right SESSION_VARIABLES_ADMIN"] if server.dialect == "mysql" else []
    )


def test_a_storage_engine_that_is_not_there_is_named_with_its_tables(server: Server, database: str) -> None:
    _fill(server, database, "CURRENT_USER")
    snapshot = taken(server, database)
    key = ("schema", "tables")
    data = snapshot.contents[key][0].replace(b'"engine":"InnoDB"', b'"engine":"Absent"')
    changed = replace(snapshot, contents={**snapshot.contents, key: (data,)})
    assert [need.what for need in _needs(server, database, changed) if need.lacking] == [
        "the storage engine Absent for cards"
    ]


def test_a_snapshot_of_the_other_vendor_or_a_newer_server_is_refused_with_nothing_loaded(
    server: Server, database: str
) -> None:
    _fill(server, database, "CURRENT_USER")
    snapshot = taken(server, database)
    other = {"mysql": "mariadb", "mariadb": "mysql"}[server.dialect]
    for change, told in (({"vendor": other}, "on one of"), ({"version": "99.1.0"}, "on an older one")):
        (need,) = _needs(server, database, replace(snapshot, details={**snapshot.details, **change}))
        assert told in need.lacking


def test_what_belongs_to_an_account_that_is_gone_goes_to_the_applications(server: Server, database: str) -> None:
    reporter = RecordingReporter()
    repository = open_repository(MemoryStore(), reporter=reporter)
    with account(server, database, "ALL ON {own}") as application:
        with _of_one_who_left(server, database) as gone:
            root = url_of(server, database)
            engine = MysqlEngine(application, root, chosen({}))
            backed_up(engine, repository)
        run(server, database, "DROP VIEW named", "DELETE FROM cards")
        restored(engine, repository, reporter)
        name = application.username
        assert f"it needs the account {gone}@%, which is not there" in "\n".join(text for _, text in reporter.events)
        for table, column in (
            ("VIEWS", "TABLE"),
            ("TRIGGERS", "TRIGGER"),
            ("ROUTINES", "ROUTINE"),
            ("EVENTS", "EVENT"),
        ):
            where = f"information_schema.{table} WHERE {column}_SCHEMA = DATABASE()"
            assert run(server, database, f"SELECT DEFINER FROM {where}") == [(f"{name}@%",)], table
        assert run(server, database, "SELECT name FROM named") == [("Knight",)]
        run(server, database, "INSERT INTO cards VALUES (2, 'miner')")
        assert run(server, database, "SELECT name FROM named ORDER BY 1") == [("Knight",), ("MINER",)]


def test_where_the_application_cannot_have_them_either_it_is_said_what_to_run(server: Server, database: str) -> None:
    repository = open_repository(MemoryStore())
    with _of_one_who_left(server, database) as gone:
        backed_up(engine_on(server, database), repository)
    nobody = replace(url_of(server, database), username="nobody", password=Secret("x"))
    engine = MysqlEngine(nobody, url_of(server, database), chosen({}))
    with pytest.raises(RefusedError, match=f"needs the account {gone}@%") as raised:
        restored(engine, repository)
    assert f"CREATE USER `{gone}`@`%` ACCOUNT LOCK" in (raised.value.hint or "")
    assert run(server, database, "SELECT name FROM cards") == [("Knight",)]
    assert beside(server, database) == []
