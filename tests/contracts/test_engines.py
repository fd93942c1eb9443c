"""The engines in the box keep the contract of an engine."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deckinfra.plugins import PluginManager
from deckinfra.ports import Engine
from deckinfra.testing import EngineContract
from tests.contracts.opening import open_engine_of


class SqliteContract(EngineContract):
    def populate(self, engine: Engine) -> None:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(engine.url.database)) as connection, connection:
            connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            connection.execute('CREATE TABLE "de ck\'s" (id INTEGER PRIMARY KEY, owner INTEGER, cards BLOB)')
            connection.executemany("INSERT INTO users VALUES (?, ?)", [(n, f"user ä {n}") for n in range(2000)])
            decks = [(n, n % 2000, bytes([n % 256]) * 500) for n in range(5000)]
            connection.executemany('INSERT INTO "de ck\'s" VALUES (?, ?, ?)', decks)

    def mutate(self, engine: Engine) -> None:
        with closing(sqlite3.connect(engine.url.database, timeout=30)) as connection, connection:
            connection.execute("UPDATE users SET name = name || '!' WHERE id % 7 = 0")
            connection.execute('DELETE FROM "de ck\'s" WHERE id % 11 = 0')
            connection.execute("INSERT INTO users VALUES (1000000, 'new')")

    def rows(self, engine: Engine) -> Any:
        with closing(sqlite3.connect(engine.url.database)) as connection:
            return (
                connection.execute("SELECT * FROM users ORDER BY id").fetchall(),
                connection.execute('SELECT * FROM "de ck\'s" ORDER BY id').fetchall(),
            )


class TestSqliteEngine(SqliteContract):
    @pytest.fixture
    def open_engine(self, tmp_path: Path) -> Callable[[str], Engine]:
        return partial(open_engine_of, tmp_path, "sqlite:///some place/{}.db", {})


class TestCopyOfTheSqliteEngineInTheProjectsPlugins(SqliteContract):
    @pytest.fixture
    def open_engine(self, tmp_path: Path) -> Callable[[str], Engine]:
        from deckinfra.builtin.engines import sqlite

        shutil.copytree(Path(sqlite.__path__[0]), tmp_path / "plugins" / "my_sqlite")
        environ = {"DECKINFRA_DISABLE_PLUGINS": "engine-sqlite"}
        assert "sqlite" in PluginManager.load(tmp_path, environ).engines
        return partial(open_engine_of, tmp_path, "sqlite:///{}.db", environ)
