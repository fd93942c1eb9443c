"""Decks."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import JSON, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base, Timestamped


class Deck(Timestamped, Base):
    """Eight cards of a user: their ids, and the ids of those that are played evolved, in the order of the slots."""

    __tablename__ = "decks"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    cards: Mapped[list[int]] = mapped_column(JSON)
    evolution_slots: Mapped[list[int]] = mapped_column(JSON)
    average_elixir: Mapped[Decimal] = mapped_column(Numeric(5, 3))
