"""The engines in the box keep the contract of an engine."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deckinfra.mysql.names import quoted
from deckinfra.plugins import PluginManager
from deckinfra.ports import Engine
from deckinfra.testing import EngineContract
from tests.builtin.engines.client.support import open_client_engine
from tests.contracts.opening import open_engine_of
from tests.mysql.support import name_of_a_database, run
from tests.support.servers import Server

# Much of the same code, again and again: measured elsewhere.
pytestmark = pytest.mark.no_cover


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


class ClientContract(EngineContract):
    on: Server

    def populate(self, engine: Engine) -> None:
        name = engine.url.database
        users = ", ".join(f"({n}, 'user ä {n}')" for n in range(2000))
        decks = ", ".join(f"({n}, {n % 2000}, REPEAT(CHAR({n % 256}), 500))" for n in range(5000))
        run(
            self.on,
            None,
            f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4",
            f"USE {quoted(name)}",
            "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
            "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL)",
            "CREATE TABLE `de ck's` (id INT PRIMARY KEY, owner INT REFERENCES users (id), cards BLOB)",
            "CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(50))",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('abc123')",
            f"INSERT INTO users VALUES {users}",
            f"INSERT INTO `de ck's` VALUES {decks}",
            "CREATE TRIGGER noted AFTER INSERT ON users FOR EACH ROW INSERT INTO log (what) VALUES (NEW.name)",
            "CREATE VIEW named AS SELECT id, name FROM users",
        )

    def mutate(self, engine: Engine) -> None:
        run(
            self.on,
            engine.url.database,
            "BEGIN",
            "UPDATE users SET name = CONCAT(name, '!') WHERE id % 7 = 0",
            "DELETE FROM `de ck's` WHERE id % 11 = 0",
            "INSERT INTO users VALUES (1000000, 'new')",
            "COMMIT",
        )

    def rows(self, engine: Engine) -> Any:
        names = ("users", "`de ck's`", "log", "named", "alembic_version")
        return [run(self.on, engine.url.database, f"SELECT * FROM {name} ORDER BY 1") for name in names]

    @pytest.fixture
    def open_engine(self, server: Server, tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
        self.on = server
        with name_of_a_database(server) as name:
            yield partial(open_client_engine, server, name, tmp_path, {})


class TestClientEngine(ClientContract):
    """The engine for MySQL and MariaDB, on each in turn."""
