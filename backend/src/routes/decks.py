"""The signed-in user's decks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from src.schemas.deck import DeckIn, DeckOut, DeckRename
from src.schemas.problem import problems
from src.schemas.text import LARGEST_ID
from src.services import decks
from src.utils.context import IN_TURN, InContext, SignedIn
from src.utils.security import utc_now

router = APIRouter(prefix="/api/decks", tags=["decks"], responses=problems(401, 503), dependencies=[IN_TURN])

_DeckId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
_WRITING = problems(400, 409, 413, 422)


@router.get("")
def list_decks(context: InContext, holder: SignedIn) -> list[DeckOut]:
    """List your decks, newest first. There are at most twenty."""
    with context.database.transaction(write=False) as session:
        return [DeckOut.model_validate(deck) for deck in decks.list_decks(session, holder)]


@router.post("", status_code=HTTPStatus.CREATED, responses=_WRITING)
def create_deck(context: InContext, holder: SignedIn, deck: DeckIn) -> DeckOut:
    """Make a deck of eight different cards."""
    return context.database.run(
        lambda session: DeckOut.model_validate(decks.create_deck(session, holder, _values(deck), utc_now()))
    )


@router.get("/{deck_id}", responses=problems(404, 422))
def get_deck(context: InContext, holder: SignedIn, deck_id: _DeckId) -> DeckOut:
    """Give one of your decks."""
    with context.database.transaction(write=False) as session:
        return DeckOut.model_validate(decks.get_deck(session, holder, deck_id))


@router.put("/{deck_id}", responses=problems(404) | _WRITING)
def replace_deck(context: InContext, holder: SignedIn, deck_id: _DeckId, deck: DeckIn) -> DeckOut:
    """Change all of a deck."""
    return context.database.run(
        lambda session: DeckOut.model_validate(decks.replace_deck(session, holder, deck_id, _values(deck), utc_now()))
    )


@router.patch("/{deck_id}", responses=problems(404) | _WRITING)
def rename_deck(context: InContext, holder: SignedIn, deck_id: _DeckId, deck: DeckRename) -> DeckOut:
    """Give a deck another name."""
    return context.database.run(
        lambda session: DeckOut.model_validate(decks.rename_deck(session, holder, deck_id, deck.name, utc_now()))
    )


@router.delete("/{deck_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(404, 422))
def delete_deck(context: InContext, holder: SignedIn, deck_id: _DeckId) -> None:
    """Delete a deck."""
    context.database.run(lambda session: decks.delete_deck(session, holder, deck_id))


def _values(deck: DeckIn) -> decks.DeckValues:
    return decks.DeckValues(deck.name, deck.cards, deck.evolution_slots)
