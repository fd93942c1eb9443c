"""What the tests of the services share: a database to fill, to change and to look at, and backups of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from deckinfra.core.manifest import Manifest, Origin
from deckinfra.ports import Engine
from deckinfra.repository import Repository
from deckinfra.services.backup import backup, now
from tests.support.stacks import IMAGE

CARDS = 40

COMPOSE = f"""
services:
  base:
    image: {IMAGE}
    init: true
    entrypoint: [sh, -c, "exec sleep 600"]
    volumes: ["data:/var/lib/data", "copies:/run/secrets/base:ro"]
  keeper:
    image: {IMAGE}
    init: true
    entrypoint: [sh, -c, "echo kept > /copies/DATABASE_PASSWORD; exec sleep 600"]
    volumes: ["backups:/app/backups", "copies:/copies"]
volumes:
  data:
  copies:
  backups: {{{{driver: local, driver_opts: {{{{type: none, o: bind, device: {{device}}}}}}}}}}
"""
BOUND = COMPOSE.format(device="./backups")
"""A stack with a database's volume, copies of its secrets, and backups in the project's folder."""


def populate(path: Path) -> None:
    """Make a database of several chunks: 40 cards of 50 kB, no two alike."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, name TEXT, art BLOB)")
        rows = [(f"card {number}", number.to_bytes(2, "big") * 25_000) for number in range(CARDS)]
        connection.executemany("INSERT INTO cards (name, art) VALUES (?, ?)", rows)


def execute(path: Path, statement: str) -> None:
    """Change the database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def names(path: Path) -> list[str]:
    """Give the names of the cards."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM cards ORDER BY id")]


def taken(
    engine: Engine, repository: Repository, *, environment: str = "local", clock: Callable[[], datetime] = now
) -> Manifest:
    """Take a backup."""
    return backup(engine, repository, Origin("deck", environment), str(engine.url), repository.reporter, clock=clock)
