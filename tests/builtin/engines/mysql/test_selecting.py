"""Snapshots without the rows of some tables, and restores of some tables: by the tasks, on a project with a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deckinfra.mysql.names import quoted
from tests.mysql.support import run, url_of
from tests.support.servers import Server
from tests.tasks.support import Project, new_project


@pytest.fixture
def shop(server: Server, database: str, tmp_path: Path) -> Project:
    """A project whose database is on a server, with a family of tables and two that stand alone."""
    project = new_project(tmp_path / "my shop")
    project.write(".env.local", f"DATABASE_URL={url_of(server, database)}\n")
    project.write(".secrets/local/DATABASE_PASSWORD", server.root_password).chmod(0o600)
    run(
        server,
        database,
        "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE decks (id INT PRIMARY KEY, user INT, FOREIGN KEY (user) REFERENCES users (id))",
        "CREATE TABLE cards (id INT PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE log (n INT PRIMARY KEY, what VARCHAR(20))",
        "INSERT INTO users VALUES (1, 'ann'), (2, 'bob')",
        "INSERT INTO decks VALUES (1, 1), (2, 2)",
        "INSERT INTO cards VALUES (1, 'Knight')",
        "INSERT INTO log VALUES (1, 'first')",
        "CREATE VIEW names AS SELECT name FROM users",
    )
    return project


def _rows(server: Server, database: str, table: str) -> list[tuple[Any, ...]]:
    return run(server, database, f"SELECT * FROM {quoted(table)} ORDER BY 1")


def _spoil(server: Server, database: str) -> None:
    run(
        server,
        database,
        "DELETE FROM decks",
        "UPDATE users SET name = 'spoilt'",
        "UPDATE cards SET name = 'spoilt'",
        "INSERT INTO log VALUES (2, 'second')",
    )


def test_some_tables_of_a_whole_snapshot_come_back_and_go_again(shop: Project, server: Server, database: str) -> None:
    assert shop.invoke("db.backup").code == 0
    _spoil(server, database)

    torn = shop.invoke("db.restore", "--tables=users", "--yes")
    assert (torn.code, "leads from table decks to users" in torn.err, "--into" in torn.err) == (10, True, True)
    unknown = shop.invoke("db.restore", "--tables=user", "--yes")
    assert (unknown.code, "Did you mean 'users'?" in unknown.err) == (2, True)
    asked = shop.invoke("db.restore", "--tables=users,decks")
    assert (asked.code, "replace the tables decks, users of 'local'" in asked.err) == (10, True)
    assert _rows(server, database, "users") == [(1, "spoilt"), (2, "spoilt")]

    restored = shop.invoke("db.restore", "--tables=users, decks", "--yes", "--json")
    assert restored.code == 0, restored.err
    compared = {each["name"] for each in restored.document["compared"]}
    assert compared == {"users", "decks"}
    assert _rows(server, database, "names") == [("ann",), ("bob",)]
    assert _rows(server, database, "decks") == [(1, 1), (2, 2)]
    assert _rows(server, database, "cards") == [(1, "spoilt")]
    assert _rows(server, database, "log") == [(1, "first"), (2, "second")]

    undone = shop.invoke("db.undo-restore", "--yes")
    assert "tables decks, users only" in undone.out
    assert _rows(server, database, "decks") == []
    assert _rows(server, database, "log") == [(1, "first"), (2, "second")]


def test_what_a_snapshot_has_no_rows_of_stays_as_it_is(shop: Project, server: Server, database: str) -> None:
    unknown = shop.invoke("db.backup", "--without=logs")
    assert (unknown.code, "Did you mean 'log'?" in unknown.err) == (2, True)
    assert shop.invoke("db.backup", "--without=log", "--threads=1", "--level=1", "--rate-limit=100").code == 0
    _spoil(server, database)
    for shown in ("db.backups", "status"):
        assert "without rows of table 'log'" in shop.invoke(shown).out, shown

    drilled = shop.invoke("db.drill")
    assert (drilled.code, "5 rows" in drilled.out) == (0, True)
    lacking = shop.invoke("db.restore", "--tables=log", "--yes")
    assert (lacking.code, "has no rows of table log" in lacking.err) == (10, True)
    restored = shop.invoke("db.restore", "--yes")
    assert (restored.code, "without rows of table 'log'" in restored.err) == (0, True)
    assert _rows(server, database, "users") == [(1, "ann"), (2, "bob")]
    assert _rows(server, database, "log") == [(1, "first"), (2, "second")]

    run(server, database, "DROP TABLE log")
    assert shop.invoke("db.restore", "--yes").code == 0
    assert _rows(server, database, "log") == []


def test_only_the_rows_of_some_tables_are_backed_up(shop: Project, server: Server, database: str) -> None:
    taken = shop.invoke("db.backup", "--tables=cards", "--json")
    assert taken.document["details"]["without_rows"] == ["decks", "log", "users"]
    _spoil(server, database)
    assert shop.invoke("db.restore", "--yes").code == 0
    assert _rows(server, database, "cards") == [(1, "Knight")]
    assert _rows(server, database, "users") == [(1, "spoilt"), (2, "spoilt")]


def test_a_snapshot_from_anywhere_goes_into_a_new_database(shop: Project, server: Server, database: str) -> None:
    assert shop.invoke("db.backup").code == 0
    (shop.root / "backups/local").rename(shop.root / "elsewhere")
    _spoil(server, database)
    source, into = "--from=file:elsewhere", f"--into={database} rescue"

    restored = shop.invoke("db.restore", source, into)
    assert (restored.code, "the live database is as it was" in restored.out) == (0, True), restored.err
    assert _rows(server, f"{database} rescue", "names") == [("ann",), ("bob",)]
    assert _rows(server, database, "users") == [(1, "spoilt"), (2, "spoilt")]
    again = shop.invoke("db.restore", source, into, "--yes")
    assert (again.code, "there is a database already" in again.err) == (10, True)

    run(server, None, f"DROP DATABASE {quoted(f'{database} rescue')}")
    assert shop.invoke("db.restore", source, into, "--tables=decks").code == 0
    assert run(server, f"{database} rescue", "SHOW TABLES") == [("decks",)]
    assert shop.invoke("db.drill", "--remote=file:elsewhere").code == 0
