"""What seeds add, found by letting them add it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from deckinfra.errors import DatabaseError, MigrationError
from deckinfra.migrations.planting import DEFAULT, Planted, planted
from deckinfra.ports import Seed
from tests.migrations.support import write_folder, write_revision

TABLES = """
op.create_table("a_child", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer, sa.ForeignKey("parent.id")))
op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9)),
    sa.Column("made", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")),
    sa.Column("day", sa.Date, server_default=sa.text("CURRENT_DATE")))
op.execute("INSERT INTO parent (name) VALUES ('first')")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tables, the child before its parent in the alphabet, and a row that a revision adds."""
    write_folder(tmp_path / "m")
    write_revision(tmp_path / "m", "0001", None, TABLES)
    return tmp_path / "m"


def seed(*statements: str) -> Seed:
    """Give a seed that runs these statements."""
    return Seed("things", planting(statements))


def planting(statements: tuple[str, ...]) -> Callable[[Connection], int]:
    def plant(connection: Connection) -> int:
        return sum(connection.exec_driver_sql(statement).rowcount for statement in statements)

    return plant


def test_parents_come_before_children_with_their_keys_and_without_what_a_revision_added(folder: Path) -> None:
    things = seed("INSERT INTO parent (name) VALUES ('b'), ('a')", "INSERT INTO a_child (parent) VALUES (3), (2)")
    assert planted(folder, [things]) == (
        Planted("parent", ("id", "name"), ((2, "b"), (3, "a"))),
        Planted("a_child", ("id", "parent"), ((1, 3), (2, 2))),
    )


def test_a_time_that_a_seed_gives_is_kept_and_one_that_the_database_gives_is_not(folder: Path) -> None:
    things = seed(
        "INSERT INTO parent (name, made) VALUES ('x', '2020-01-02 03:04:05')",
        "INSERT INTO parent (id, name) VALUES (7, 'y')",
    )
    (found,) = planted(folder, [things])
    assert found.columns == ("id", "name", "made")
    assert found.rows == ((2, "x", "2020-01-02 03:04:05"), (7, "y", DEFAULT))


def test_without_seeds_there_are_no_rows(folder: Path) -> None:
    assert planted(folder, []) == ()


def test_rows_that_are_the_same_are_counted(tmp_path: Path) -> None:
    write_folder(tmp_path / "m")
    write_revision(
        tmp_path / "m",
        "0001",
        None,
        "op.create_table('t', sa.Column('a', sa.Integer)); op.execute('INSERT INTO t VALUES (1)')",
    )
    assert planted(tmp_path / "m", [seed("INSERT INTO t VALUES (1), (1)")]) == (Planted("t", ("a",), ((1,), (1,))),)


def test_revisions_that_do_not_run_on_sqlite_are_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "m")
    write_revision(tmp_path / "m", "0001", None, "op.execute('ALTER DATABASE CHARACTER SET utf8mb4')")
    with pytest.raises(MigrationError, match="the seeds cannot be planted, since the revisions do not run on SQLite"):
        planted(tmp_path / "m", [seed()])


def test_tables_in_a_circle_are_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "m")
    body = "".join(
        f"op.create_table('{one}', sa.Column('id', sa.Integer, sa.ForeignKey('{other}.id'), primary_key=True))\n"
        for one, other in (("egg", "hen"), ("hen", "egg"))
    )
    write_revision(tmp_path / "m", "0001", None, body)
    with pytest.raises(MigrationError, match=r"refer to each other in a circle.*: (egg, hen, egg|hen, egg, hen)"):
        planted(tmp_path / "m", [seed()])


def test_a_seed_that_fails_is_named(folder: Path) -> None:
    with pytest.raises(DatabaseError, match="the seed 'things' failed: no such table: nowhere"):
        planted(folder, [seed("INSERT INTO nowhere VALUES (1)")])
