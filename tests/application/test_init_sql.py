"""The committed files of ``database/init``: what the task writes, and what the official images make of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection

from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations import Migrator
from deckinfra.migrations.init_sql import init_files
from deckinfra.ports import Seed
from tests.application.support import ROOT, change, migrator, seeds, select
from tests.migrations.support import write_folder, write_revision
from tests.support.servers import USER, Server, running

INIT = ROOT / "database" / "init"

# What tells a schema, and which of its columns tell of the database's name, the moment or the data instead.
TABLES: Final = {
    "tables": "table_name",
    "columns": "table_name, ordinal_position",
    "statistics": "table_name, index_name, seq_in_index",
    "table_constraints": "table_name, constraint_name",
    "key_column_usage": "table_name, constraint_name, ordinal_position",
    "referential_constraints": "table_name, constraint_name",
    "check_constraints": "constraint_name, check_clause",
}
OTHER: Final = {
    *("TABLE_SCHEMA", "CONSTRAINT_SCHEMA", "INDEX_SCHEMA", "UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_SCHEMA"),
    *("CREATE_TIME", "UPDATE_TIME", "TABLE_ROWS", "AVG_ROW_LENGTH", "CARDINALITY"),
    *("AUTO_INCREMENT", "DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE", "MAX_INDEX_LENGTH"),
}


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def initialised(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each server in turn, whose image ran the committed files for its first database, and those of another project."""
    folder = tmp_path_factory.mktemp("init")
    for path in INIT.glob("*.sql"):
        shutil.copy(path, folder)
    write_another(folder / "10-another.sql", tmp_path_factory.mktemp("another") / "migrations")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)  # the image reads them as its own user
    with running(request.param, "--volume", f"{folder}:/docker-entrypoint-initdb.d:ro") as server:
        yield server


def write_another(path: Path, folder: Path) -> None:
    """Write what is harder than our own: servers that differ, semicolons within, letters of every kind."""
    write_folder(folder)
    write_revision(folder, "0001", None, ANOTHER)

    def plant(connection: Connection) -> int:
        return connection.exec_driver_sql("INSERT INTO odd (text) VALUES (?)", (ODD,)).rowcount

    start = f"CREATE DATABASE another;\nGRANT ALL ON another.* TO {USER}@'%';\nUSE another;\n"
    path.write_text(start + "".join(init_files(folder, [Seed("odd", plant)]).values()), encoding="utf-8")


ODD: Final = 'it\'s; \\ \t \n \r\n \0 -- 100 % `x` "y" /* z */ 日本 🃏'
ANOTHER: Final = """
dialect = op.get_context().dialect.name
op.create_table("odd", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String(99)),
    mysql_charset="utf8mb4", mariadb_charset="utf8mb4")
if dialect != "sqlite":
    op.create_table("on_" + dialect, sa.Column("id", sa.Integer))
    op.execute("CREATE TRIGGER t BEFORE UPDATE ON odd FOR EACH ROW BEGIN SET NEW.id = 7; SET NEW.text = 'a;b'; END")
if dialect == "mariadb":
    op.execute("INSERT INTO on_mariadb VALUES (1)")
"""


@pytest.fixture
def loaded(initialised: Server) -> DatabaseURL:
    """The database that the files made."""
    return initialised.url("first")


@pytest.fixture
def migrated(initialised: Server) -> Iterator[DatabaseURL]:
    """A database on the same server that the migrations and seeds made."""
    with initialised.database() as url:
        migrator(url).upgrade()
        migrator(url).seed(seeds())
        yield url


def test_the_committed_files_are_what_the_task_writes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in sorted(INIT.glob("*.sql"))}
    assert committed == init_files(ROOT / "migrations", seeds()), "run `invoke db.init-sql`"


@pytest.mark.parametrize("table", TABLES)
def test_the_schema_is_the_one_that_the_migrations_make(loaded: DatabaseURL, migrated: DatabaseURL, table: str) -> None:
    expected = described(migrated, table)
    assert expected
    assert described(loaded, table) == expected


def test_each_table_is_told_in_the_same_words(loaded: DatabaseURL, migrated: DatabaseURL) -> None:
    for table in ("users", "decks", "cards_cache", "alembic_version"):
        ((_, expected),) = select(migrated, f"SHOW CREATE TABLE {table}")
        assert select(loaded, f"SHOW CREATE TABLE {table}") == [(table, expected)]


def test_the_rows_are_those_that_the_seeds_plant(loaded: DatabaseURL, migrated: DatabaseURL) -> None:
    for table, columns in {
        "users": "id, username, email, password_hash",
        "decks": "id, user_id, name, cards, evolution_slots, average_elixir",
        "cards_cache": "id, name, elixir_cost, rarity, type, arena, has_evolution, image_url, evolution_image_url",
    }.items():
        query = f"SELECT {columns} FROM {table} ORDER BY id"
        expected = select(migrated, query)
        assert expected
        assert select(loaded, query) == expected
    recent = "SELECT count(*) FROM users WHERE TIMESTAMPDIFF(MINUTE, created_at, UTC_TIMESTAMP()) <= 10"
    assert select(loaded, recent) == [(2,)]


def test_nothing_is_left_for_the_migrations_and_seeds_to_do(loaded: DatabaseURL) -> None:
    assert migrator(loaded).status().state == "up to date"
    assert migrator(loaded).upgrade().revisions == ()
    assert migrator(loaded).seed(seeds()) == {"cards": 0, "users": 0, "decks": 0}


def test_the_migrations_carry_on_from_there_and_go_back(loaded: DatabaseURL, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    write_revision(
        folder,
        "0004",
        "0003",
        "op.add_column('decks', sa.Column('notes', sa.String(80)))",
        "op.drop_column('decks', 'notes')",
    )
    runner = Migrator(folder, loaded)
    assert runner.upgrade().revisions == ("0004",)
    assert select(loaded, "SELECT DISTINCT notes FROM decks") == [(None,)]
    assert runner.downgrade("0001").revisions == ("0004", "0003", "0002")
    assert runner.upgrade("0002").revisions == ("0002",)


def test_servers_that_differ_get_what_is_theirs_and_values_stay_what_they_are(initialised: Server) -> None:
    another = initialised.url("another")
    own = f"on_{initialised.dialect}"
    assert select(another, "SHOW TABLES") == [("alembic_version",), ("odd",), (own,)]
    assert select(another, f"SELECT count(*) FROM {own}") == [(1 if own == "on_mariadb" else 0,)]
    assert select(another, "SELECT id, text FROM odd") == [(1, ODD)]
    change(another, "UPDATE odd SET text = 'new'")
    assert select(another, "SELECT id, text FROM odd") == [(7, "a;b")]


def described(url: DatabaseURL, table: str) -> list[tuple[Any, ...]]:
    """Give what ``information_schema`` says in one table about the database."""
    column = "table_schema" if table in {"tables", "columns", "statistics"} else "constraint_schema"
    names = [row[0].upper() for row in select(url, f"SHOW COLUMNS FROM information_schema.{table}")]
    columns = ", ".join(name for name in names if name not in OTHER)
    return select(
        url,
        f"SELECT {columns} FROM information_schema.{table} WHERE {column} = DATABASE() ORDER BY {TABLES[table]}",
    )
