"""Example data for development.

Two users, their decks and the game's cards, from ``database/seeds/``. Both users have the password
``clash-royale-dev``. It is no secret: the seeds are refused in production. Its hashes are what argon2-cffi
makes of it by default (argon2id, 64 MiB, three passes, four lanes), each with a salt of its own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deckinfra.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection, TableClause

SEEDS = Path(__file__).parents[2] / "database" / "seeds"


def plant_cards(connection: Connection) -> int:
    """Add the cards whose ids are not in the cache."""
    import sqlalchemy as sa

    table = _table("cards_cache", "id name elixir_cost rarity type arena has_evolution")
    present = set(connection.scalars(sa.select(table.c.id)))
    return _insert(connection, table, [card for card in known_cards() if card["id"] not in present])


def plant_users(connection: Connection) -> int:
    """Add the users whose name and address are both free."""
    import sqlalchemy as sa

    table = _table("users", "username email password_hash")
    rows = [{name: user[name] for name in ("username", "email", "password_hash")} for user in _users()]
    taken = sa.select(sa.func.count()).select_from(table)
    absent = [
        row
        for row in rows
        # The database compares, since it decides whether upper and lower case are the same.
        if not connection.scalar(
            taken.where(sa.or_(table.c.username == row["username"], table.c.email == row["email"]))
        )
    ]
    return _insert(connection, table, absent)


def plant_decks(connection: Connection) -> int:
    """Add the decks that their owners have none of that name of; an owner who is not there gets none."""
    import sqlalchemy as sa

    users = _table("users", "id username email")
    decks = _table("decks", "user_id name cards evolution_slots average_elixir")
    cards = {card["name"]: card for card in known_cards()}
    absent = []
    for user in _users():
        mine = sa.and_(users.c.username == user["username"], users.c.email == user["email"])
        owner = connection.scalar(sa.select(users.c.id).where(mine))
        named = sa.select(sa.func.count()).select_from(decks).where(decks.c.user_id == owner)
        absent += [
            _deck(owner, deck, cards)
            for deck in user["decks"]
            if owner is not None and not connection.scalar(named.where(decks.c.name == deck["name"]))
        ]
    return _insert(connection, decks, absent)


def _deck(owner: int, deck: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "user_id": owner,
        "name": deck["name"],
        "cards": [cards[name]["id"] for name in deck["cards"]],
        "evolution_slots": [cards[name]["id"] for name in deck["evolution_slots"]],
        "average_elixir": sum(cards[name]["elixir_cost"] for name in deck["cards"]) / len(deck["cards"]),
    }


def known_cards() -> Iterator[dict[str, Any]]:
    """Give the cards of ``database/seeds/cards.csv`` as rows of ``cards_cache``."""
    with _open("cards.csv") as file:
        for row in csv.DictReader(file):
            numbers = {name: int(row[name]) for name in ("id", "elixir_cost", "arena")}
            texts = {name: row[name] for name in ("name", "rarity", "type")}
            yield {**numbers, **texts, "has_evolution": row["has_evolution"] == "yes"}


def _users() -> Any:
    with _open("users.json") as file:
        return json.load(file)


def _open(name: str) -> Any:
    try:
        return (SEEDS / name).open(encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(
            f"the seeds in {SEEDS / name} cannot be read: {error.strerror}",
            hint="Nothing was added. The file is part of the project: bring it back from version control.",
        ) from error


def _table(name: str, columns: str) -> TableClause:
    """Name a table and the columns that seeds use of it; the schema itself is the migrations' alone."""
    import sqlalchemy as sa

    types: Mapping[str, sa.types.TypeEngine[Any]] = {
        "cards": sa.JSON(),
        "evolution_slots": sa.JSON(),
        "has_evolution": sa.Boolean(),
    }
    return sa.table(name, *(sa.column(column, types.get(column)) for column in columns.split()))


def _insert(connection: Connection, table: TableClause, rows: Sequence[Mapping[str, Any]]) -> int:
    if rows:
        connection.execute(table.insert(), rows)
    return len(rows)
