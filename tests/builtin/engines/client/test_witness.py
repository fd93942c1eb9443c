"""A dump that lacks something is no backup, even one that is whole by its own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.builtin.engines.client.engine import ClientEngine
from deckinfra.builtin.engines.client.sections import Run, Section
from deckinfra.builtin.engines.client.snapshot import Order, refuse_long
from deckinfra.builtin.engines.client.stream import dumping
from deckinfra.builtin.engines.client.tally import Tally
from deckinfra.builtin.engines.client.tools import MAX_PACKET, Tools
from deckinfra.core.secret import Secret
from deckinfra.errors import DatabaseError, RefusedError, TimeLimitError
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from deckinfra.ports import Chunk, DatabaseTools
from tests.builtin.engines.client.support import (
    ServerEnvironment,
    container_executor,
    engine_on,
    fake_tools,
    restored,
    taken,
)
from tests.mysql.support import name_of_a_database, picture, run
from tests.support.servers import Server

TELLING = 'case "$1" in --version) exec "$REAL" "$1";; esac\nfirst=$1; shift\n'
"""The beginning of a tool that is asked for its version first, and whose first option has to stay the first."""


@pytest.fixture
def database(server: Server, database: str) -> str:
    """The name of a database with two small tables."""
    run(
        server,
        database,
        "CREATE TABLE a_small (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(20))",
        "INSERT INTO a_small (text) VALUES ('one'), ('two'), ('three')",
        "CREATE TABLE z_small (id INT PRIMARY KEY, text VARCHAR(20))",
        "INSERT INTO z_small VALUES (9, 'nine')",
    )
    return database


@pytest.fixture
def set_global(server: Server) -> Iterator[Callable[[str, object], None]]:
    """Set a variable of the server, for the test."""
    before: dict[str, object] = {}

    def change(name: str, value: object) -> None:
        before.setdefault(name, run(server, None, f"SELECT @@GLOBAL.{name}")[0][0])
        server.as_root(f"SET GLOBAL {name} = %s", value)

    yield change
    for name, value in before.items():
        server.as_root(f"SET GLOBAL {name} = %s", value)


def refused(server: Server, database: str, tmp_path: Path, *, kind: type[Exception] = DatabaseError) -> str:
    """Give why there is no backup."""
    with pytest.raises(kind) as caught:
        taken(engine_on(server, database, tmp_path))
    assert isinstance(caught.value, DatabaseError | RefusedError)
    assert "No backup was made" in caught.value.hint
    return caught.value.message


def test_a_server_that_gives_only_some_rows_is_refused(
    server: Server, database: str, tmp_path: Path, set_global: Callable[[str, object], None]
) -> None:
    set_global("sql_select_limit", 2)
    assert "sql_select_limit = 2" in refused(server, database, tmp_path, kind=RefusedError)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('exec "$REAL" "$first" --where="id <> 2" "$@"', r"2 rows of table 'a_small', and there were 3$"),
        ('for last do :; done; exec "$REAL" "$first" --ignore-table="$last.z_small" "$@"', "lacks table 'z_small'"),
        ('exec "$REAL" "$first" --no-data "$@"', "lacks table 'a_small'"),
        ('exec "$REAL" "$first" --no-create-info "$@"', "lacks table 'a_small'"),
    ],
)
def test_a_dump_that_lacks_rows_or_a_table_is_none(
    server: Server, database: str, tmp_path: Path, script: str, reason: str
) -> None:
    with fake_tools(server, f"{TELLING}{script}") as executor, pytest.raises(DatabaseError, match=reason) as caught:
        taken(engine_on(server, database, tmp_path, executor))
    assert "No backup was made" in caught.value.hint


def test_rows_of_a_table_without_transactions_are_counted_too(server: Server, database: str, tmp_path: Path) -> None:
    run(server, database, "CREATE TABLE a_old (id INT) ENGINE = MyISAM", "INSERT INTO a_old VALUES (1), (2), (3)")
    script = f'{TELLING}exec "$REAL" "$first" --where="id <> 2" "$@"'
    with (
        fake_tools(server, script) as executor,
        pytest.raises(DatabaseError, match="2 rows of table 'a_old', and there were 3"),
    ):
        taken(engine_on(server, database, tmp_path, executor))
    before = picture(server, database)["tables"]
    engine = engine_on(server, database, tmp_path)
    restored(engine, taken(engine))
    assert picture(server, database)["tables"] == before


def test_rows_that_others_write_meanwhile_are_no_fault(server: Server, database: str, tmp_path: Path) -> None:
    engine = engine_on(server, database, tmp_path)
    with engine.snapshot() as snapshot:
        run(server, database, "INSERT INTO z_small VALUES (10, 'ten')", "DELETE FROM a_small")
        list(snapshot.chunks())
        rows = {each.name: each.rows for each in snapshot.facts() if each.kind == "table"}
    assert rows == {"a_small": 3, "z_small": 1}


@pytest.mark.parametrize(
    "exchange",
    [
        "RENAME TABLE a_small TO passing, b_small TO a_small, passing TO b_small",
        "DROP TABLE b_small; CREATE TABLE b_small LIKE a_small",
    ],
)
def test_a_table_in_the_place_of_another_is_noticed(
    server: Server, database: str, tmp_path: Path, exchange: str
) -> None:
    run(server, database, "CREATE TABLE b_small LIKE a_small")
    with engine_on(server, database, tmp_path).snapshot() as snapshot:
        before = iter(snapshot.chunks())
        next(before)
        run(server, database, *exchange.split("; "))
        with pytest.raises(DatabaseError, match=r"changed while it was read: .*b_small|1412"):
            list(before)


def test_an_account_that_does_not_see_everything_is_told_what_it_lacks(server: Server, database: str) -> None:
    run(server, None, f"CREATE USER half@'%' IDENTIFIED BY '{server.root_password}'")
    try:
        run(server, None, f"GRANT SELECT, LOCK TABLES, SHOW VIEW ON {quoted(database)}.* TO half@'%'")
        url = replace(server.url(database), username="half", password=Secret(server.root_password))
        tools = DatabaseTools(container_executor(server), replace(url, port=3306))
        with pytest.raises(RefusedError, match=r"half may not see all .*TRIGGER, EVENT") as caught:
            taken(ClientEngine(url, url, lambda: tools))
    finally:
        run(server, None, "DROP USER half@'%'")
    assert "DATABASE_ADMIN_USER" in caught.value.hint


def test_a_tool_that_gives_nothing_is_not_awaited_for_ever(server: Server, database: str, tmp_path: Path) -> None:
    script = f"{TELLING}exec sleep 600"
    account = Account(server.url(database))
    with fake_tools(server, script) as executor:
        tools = Tools.fitting(ServerEnvironment(server, database, tmp_path, executor).database_tools(), account)
        command = tools.dump(database, leave_out=(), locked=False)
        with (
            pytest.raises(TimeLimitError, match=r"gave nothing .* while its first line was awaited") as caught,
            dumping(tools, command, stall=0.5) as stream,
        ):
            list(stream.pieces())
    assert "not taken for a backup" in caught.value.hint


@pytest.mark.parametrize(
    ("says", "good"),
    [
        ("-- Warning: column statistics of table error_log are left out", True),
        ("mysqldump: [Warning] Using something that failed once", True),
        ("mysqldump: it went wrong", False),
    ],
)
def test_what_a_tool_says_is_a_complaint_unless_it_is_a_warning(
    server: Server, database: str, tmp_path: Path, says: str, *, good: bool
) -> None:
    script = f'{TELLING}echo "{says}" >&2; exec "$REAL" "$first" "$@"'
    with fake_tools(server, script) as executor:
        engine = engine_on(server, database, tmp_path, executor)
        if good:
            assert any(says in warning for warning in taken(engine).details["warnings"])
        else:
            with pytest.raises(DatabaseError, match="complained"):
                taken(engine)


def test_a_part_that_comes_back_after_others_is_refused() -> None:
    chunks = [Chunk("table", name, b"x") for name in ("a", "a", "b", "a")]
    passed = Order().checked(chunks)
    assert [next(passed).name for _ in range(3)] == ["a", "a", "b"]
    with pytest.raises(DatabaseError, match="comes back to table 'a'"):
        next(passed)


def test_a_row_that_no_server_takes_is_refused() -> None:
    refuse_long(MAX_PACKET - 1024 * 1024)
    with pytest.raises(DatabaseError, match="a row takes a statement"):
        refuse_long(MAX_PACKET)


@pytest.mark.parametrize(
    "beginning",
    [") ", ") /*!50100 TABLESPACE `ts` */ ", ") /*!50100 TABLESPACE `t``s` STORAGE DISK */ "],
)
def test_the_number_of_the_next_row_is_no_part_of_a_definition(beginning: str) -> None:
    found = []
    for counter in ("", " AUTO_INCREMENT=7"):
        tally = Tally()
        text = f"CREATE TABLE `t` (\n  `a` int\n{beginning}ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4;\n"
        tally.add(Run(Section("table", "t"), text.encode(), fresh=True))
        found.append(list(tally.facts()))
    assert found[0] == found[1]


def test_a_table_in_a_tablespace_is_backed_up_while_others_write(
    mysql_server: Server, mysql_database: str, tmp_path: Path
) -> None:
    run(
        mysql_server,
        mysql_database,
        "CREATE TABLESPACE roomy ADD DATAFILE 'roomy.ibd'",
        "CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY) TABLESPACE roomy",
        "INSERT INTO t VALUES (NULL)",
    )
    try:
        engine = engine_on(mysql_server, mysql_database, tmp_path)
        with engine.snapshot() as snapshot:
            run(mysql_server, mysql_database, "INSERT INTO t VALUES (NULL)")
            list(snapshot.chunks())
    finally:
        run(mysql_server, mysql_database, "DROP TABLE t", "DROP TABLESPACE roomy")


def test_a_foreign_key_into_another_schema_is_refused_before_anything_is_read(
    server: Server, database: str, tmp_path: Path
) -> None:
    with name_of_a_database(server) as other:
        run(
            server,
            None,
            f"CREATE DATABASE {quoted(other)}",
            f"CREATE TABLE {quoted(other)}.parent (id INT PRIMARY KEY)",
            f"CREATE TABLE {quoted(database)}.child (id INT PRIMARY KEY, p INT, "
            f"CONSTRAINT far FOREIGN KEY (p) REFERENCES {quoted(other)}.parent (id))",
        )
        assert "'far'" in refused(server, database, tmp_path, kind=RefusedError)
        run(server, database, "DROP TABLE child")


def test_what_no_backup_holds_is_warned_of(mysql_server: Server, mysql_database: str, tmp_path: Path) -> None:
    run(
        mysql_server,
        mysql_database,
        "CREATE LIBRARY shared LANGUAGE JAVASCRIPT AS $$ export function f(n) { return n } $$",
    )
    warnings = taken(engine_on(mysql_server, mysql_database, tmp_path)).details["warnings"]
    assert any("library 'shared'" in warning for warning in warnings)
