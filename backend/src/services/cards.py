"""Finding cards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from src.models import Card
from src.services.deck_rules import Facts
from src.utils.errors import NotFound


@dataclass(frozen=True)
class CardFilter:
    """Which cards: part of the name, and what else each has to be. None is any."""

    name: str | None = None
    rarity: str | None = None
    type: str | None = None
    elixir: int | None = None
    elixir_min: int | None = None
    elixir_max: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Give what the rows have to meet."""
        found: list[ColumnElement[bool]] = []
        if self.name is not None:
            found.append(Card.name.icontains(self.name, autoescape=True))
        if self.rarity is not None:
            found.append(Card.rarity == self.rarity)
        if self.type is not None:
            found.append(Card.type == self.type)
        if self.elixir is not None:
            found.append(Card.elixir_cost == self.elixir)
        if self.elixir_min is not None:
            found.append(Card.elixir_cost >= self.elixir_min)
        if self.elixir_max is not None:
            found.append(Card.elixir_cost <= self.elixir_max)
        return found


def find_cards(session: Session, wanted: CardFilter, limit: int, offset: int) -> tuple[list[Card], int]:
    """Give a page of the cards, by name, and how many there are in all."""
    conditions = wanted.conditions()
    total = session.scalar(select(func.count()).select_from(Card).where(*conditions)) or 0
    rows = session.scalars(select(Card).where(*conditions).order_by(Card.name, Card.id).limit(limit).offset(offset))
    return list(rows), total


def get_card(session: Session, card_id: int) -> Card:
    """Give one card; :class:`NotFound` if there is none."""
    card = session.get(Card, card_id)
    if card is None:
        raise NotFound(f"There is no card {card_id}.")
    return card


def card_facts(session: Session, ids: Iterable[int]) -> dict[int, Facts]:
    """Give what the rules of decks need of those of the cards that exist."""
    columns = select(Card.id, Card.elixir_cost, Card.has_evolution).where(Card.id.in_(set(ids)))
    return {row.id: Facts(row.elixir_cost, row.has_evolution) for row in session.execute(columns)}
