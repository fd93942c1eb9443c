"""Killed at any moment of the commit of a large restore, the database is what it was or what it was to be."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import project
from tests.faults.killing import Victims

KILLS = 12


def generation(root: Path) -> int:
    """Give which state the database is in; an assertion fails if it is a mix, or damaged."""
    with closing(sqlite3.connect(project.database(root), timeout=30)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        ((found, rows, generations),) = connection.execute(
            "SELECT min(generation), count(*), count(DISTINCT generation) FROM large"
        )
        assert generations == 1
        assert rows == 2500
        return int(found)


def write(root: Path, generation: int) -> None:
    project.execute(root, f"UPDATE large SET generation = {generation}, noise = randomblob(3000)")


@pytest.mark.parametrize("page_size", [4096, 16384])
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_killed_at_any_moment(victims: Victims, root: Path, mode: str, page_size: int) -> None:
    project.execute(root)
    with closing(sqlite3.connect(project.database(root))) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(f"PRAGMA journal_mode = {mode}")
    project.execute(root, "CREATE TABLE large (n INTEGER PRIMARY KEY, generation, noise)")
    with closing(sqlite3.connect(project.database(root))) as connection, connection:
        connection.executemany("INSERT INTO large VALUES (?, 1, randomblob(3000))", [(n,) for n in range(2500)])
    project.opened(root).backup()
    write(root, 2)
    if page_size != 4096:
        project.execute(root)
        with closing(sqlite3.connect(project.database(root), isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute("VACUUM")
            connection.execute(f"PRAGMA journal_mode = {mode}")
    journal = Path("var/app.db-deckinfra/journal.json")
    measured = root.with_name("measured")
    shutil.copytree(root, measured)
    seconds = victims.seconds(measured, "restore", measured / journal)
    shutil.rmtree(measured)
    chance = random.Random(0)
    found = set()
    for kill in range(KILLS):
        copy = root.with_name("to be killed")
        shutil.copytree(root, copy)
        victims.kill_while(copy, "restore", copy / journal, seconds * (kill + chance.random()) / KILLS)

        state = generation(copy)
        found.add(state)
        ran = victims.run(copy, "drill")
        assert ran.error == ""
        assert generation(copy) == state
        assert project.leftovers(copy) == []
        assert len(project.opened(copy).kept()) == (1 if state == 1 else 0)
        assert victims.run(copy, "restore").error == ""
        assert generation(copy) == 1
        assert project.leftovers(copy) == []
        shutil.rmtree(copy)
    assert 2 in found
