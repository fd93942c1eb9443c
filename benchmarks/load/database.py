"""A throwaway database server in a container, with the deck builder's schema and seeds, and what it tells as root."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations import Migrator
from deckinfra.plugins import PluginManager

_USER: Final = "deck"
_START: Final = 120.0
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Connections:
    """The application's connections as the server sees them: all, those at work, and their open transactions."""

    all: int
    working: int
    transactions: int


@dataclass(frozen=True)
class Server:
    """A running server: the application's URL, the root account's password, and its container."""

    url: DatabaseURL
    root_password: str
    container: str

    def connections(self) -> Connections:
        """Count the application's connections."""
        processes = [row for row in self.rows("SHOW PROCESSLIST") if row[1] == _USER]
        ((transactions,),) = self.rows("SELECT COUNT(*) FROM information_schema.innodb_trx")
        return Connections(len(processes), sum(row[4] != "Sleep" for row in processes), int(transactions))

    def decks(self) -> dict[str, dict[str, Any]]:
        """Give every deck by its id, in the form that the API has it."""
        statement = "SELECT id, name, cards, evolution_slots, average_elixir FROM decks"
        return {
            str(deck): {
                "name": name,
                "cards": json.loads(cards),
                "evolution_slots": json.loads(slots),
                "average_elixir": float(elixir),
            }
            for deck, name, cards, slots, elixir in self.rows(statement)
        }

    def rows(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run a statement as root, and give its rows."""
        connection = pymysql.connect(
            host=self.url.host,
            port=self.url.port or 0,
            user="root",
            password=self.root_password,
            database=self.url.database,
            connect_timeout=5,
            read_timeout=30,
        )
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


@contextmanager
def running(image: str, *options: str) -> Iterator[Server]:
    """Run a server of ``image`` with its data on disk, migrated and seeded; it is removed when the context ends.

    ``options`` are the server's.
    """
    dialect = "mariadb" if "mariadb" in image else "mysql"
    root_password, password = secrets.token_hex(12), secrets.token_hex(12)
    values = {
        "MYSQL_ROOT_PASSWORD": root_password,
        "MYSQL_DATABASE": "deck",
        "MYSQL_USER": _USER,
        "MYSQL_PASSWORD": password,
    }
    settings = [word for name in values for word in ("--env", name)]
    started = ("--detach", "--label", "deckinfra.bench=pool", "--publish", "127.0.0.1::3306")
    container = _docker("run", *started, *settings, image, *options, variables=values)
    try:
        host, port = _address(container)
        url = DatabaseURL(dialect, "pymysql", _USER, host, port, "deck", "", Secret(password))
        _await(url, container)
        migrator = Migrator(_ROOT / "migrations", url)
        migrator.upgrade()
        migrator.seed(PluginManager.load(_ROOT, {}, ("deck_builder",)).seeds())
        yield Server(url, root_password, container)
    finally:
        _docker("rm", "--force", "--volumes", container)


def _address(container: str) -> tuple[str, int]:
    """Give where the server is reached as by an application in a stack: without Docker's proxy, where that can be."""
    if Path("/sys/class/net/docker0").exists():
        return _docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container), 3306
    return "127.0.0.1", int(_docker("port", container, "3306/tcp").splitlines()[0].rpartition(":")[2])


def _await(url: DatabaseURL, container: str) -> None:
    """Wait until the application's user can sign in over TCP: a server answers pings before that."""
    password = "" if url.password is None else url.password.reveal()
    deadline = time.monotonic() + _START
    while True:
        try:
            pymysql.connect(
                host=url.host, port=url.port or 0, user=_USER, password=password, database=url.database
            ).close()
        except pymysql.err.Error as error:
            if time.monotonic() > deadline:
                sys.exit(f"error: {container} was not ready within {_START:g} s: {error}")
            time.sleep(0.25)
        else:
            return


def _docker(*arguments: str, variables: Mapping[str, str] | None = None) -> str:
    environ = {**os.environ, **(variables or {})}
    done = subprocess.run(["docker", *arguments], env=environ, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        sys.exit(f"error: docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
