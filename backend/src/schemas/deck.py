"""Decks over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from src.schemas.text import DeckName, Id

# How many there have to be is a rule of decks, and told as one; this only bounds the work.
_Cards = Annotated[list[Id], Field(max_length=50)]


class DeckIn(BaseModel):
    """A deck as its owner wants it. The average elixir is the server's to say."""

    model_config = ConfigDict(extra="forbid")

    name: DeckName
    cards: _Cards = Field(description="The ids of eight different cards.")
    evolution_slots: _Cards = Field(
        default=[], description="The ids of up to two of them that have an evolution, in the order of the slots."
    )


class DeckRename(BaseModel):
    """Another name for a deck."""

    model_config = ConfigDict(extra="forbid")

    name: DeckName


class DeckOut(BaseModel):
    """A deck."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    cards: list[int]
    evolution_slots: list[int]
    average_elixir: float = Field(description="The sum of the cards' elixir over eight; exact.")
    created_at: datetime
    updated_at: datetime
