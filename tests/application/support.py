"""The deck application as it is in this repository: its revisions and its seeds."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations import Migrator
from deckinfra.migrations.connection import LOOK, PLANT, connect
from deckinfra.plugins import PluginManager
from deckinfra.ports import Seed

ROOT = Path(__file__).parents[2]


def migrator(url: DatabaseURL) -> Migrator:
    """Give the application's migrator for a database."""
    return Migrator(ROOT / "migrations", url)


def seeds() -> Sequence[Seed]:
    """Give the seeds that the application's plugin registers, found as any project's are."""
    manager = PluginManager.load(ROOT, {}, ("deck_builder",))
    return [seed for seed in manager.seeds() if seed.name in {"cards", "users", "decks"}]


def select(url: DatabaseURL, statement: str) -> list[tuple[Any, ...]]:
    """Run a query and give its rows."""
    with connect(url, LOOK, wait=5) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def change(url: DatabaseURL, statement: str, **values: object) -> None:
    """Run one statement with named values and commit; foreign keys hold. Raises what the driver does."""
    import sqlalchemy as sa

    with connect(url, PLANT, wait=5) as connection, connection.begin():
        connection.execute(sa.text(statement), values)


def card_facts() -> list[dict[str, str]]:
    """Give the rows of the cards' file."""
    with (ROOT / "database" / "seeds" / "cards.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
