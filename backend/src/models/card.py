"""The cache of the game's cards."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base, Timestamped


class Card(Timestamped, Base):
    """A card of the game, by the game's own id."""

    __tablename__ = "cards_cache"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    elixir_cost: Mapped[int]
    rarity: Mapped[str]
    type: Mapped[str]
    arena: Mapped[int]
    has_evolution: Mapped[bool]
    image_url: Mapped[str | None]
    evolution_image_url: Mapped[str | None]
