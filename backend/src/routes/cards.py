"""The game's cards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from src.schemas.card import CardOut, CardPage, CardType, Rarity
from src.schemas.problem import problems
from src.schemas.text import LARGEST_ID, Searched
from src.services import cards
from src.utils.context import IN_TURN, InContext

router = APIRouter(prefix="/api/cards", tags=["cards"], responses=problems(422, 503), dependencies=[IN_TURN])

_Elixir = Annotated[int | None, Query(ge=0, le=10)]


@router.get("")
def list_cards(
    context: InContext,
    *,
    name: Annotated[Searched | None, Query(description="Part of the name, in upper or lower case.")] = None,
    rarity: Rarity | None = None,
    type: CardType | None = None,
    elixir: _Elixir = None,
    elixir_min: _Elixir = None,
    elixir_max: _Elixir = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> CardPage:
    """List the cards that meet every filter, by name."""
    wanted = cards.CardFilter(name, rarity, type, elixir, elixir_min, elixir_max)
    with context.database.transaction(write=False) as session:
        found, total = cards.find_cards(session, wanted, limit, offset)
    items = [CardOut.model_validate(card) for card in found]
    return CardPage(items=items, total=total, limit=limit, offset=offset)


@router.get("/{card_id}", responses=problems(404))
def get_card(context: InContext, card_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> CardOut:
    """Give one card."""
    with context.database.transaction(write=False) as session:
        return CardOut.model_validate(cards.get_card(session, card_id))
