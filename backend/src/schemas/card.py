"""Cards over the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Rarity = Literal["Common", "Rare", "Epic", "Legendary", "Champion"]
CardType = Literal["Troop", "Building", "Spell"]


class CardOut(BaseModel):
    """A card of the game."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    elixir_cost: int
    rarity: Rarity
    type: CardType
    arena: int
    has_evolution: bool
    image_url: str | None
    evolution_image_url: str | None


class CardPage(BaseModel):
    """Some of the cards that were asked for, and how many there are in all."""

    items: list[CardOut]
    total: int
    limit: int
    offset: int
