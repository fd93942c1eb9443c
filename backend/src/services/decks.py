"""Decks of one user. Another's deck is as if it were not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from src.models import Deck
from src.services.cards import card_facts
from src.services.deck_rules import DECKS, average_elixir, broken_rules
from src.services.users import require_user
from src.utils.errors import Conflict, NotFound, Unacceptable


@dataclass(frozen=True)
class DeckValues:
    """What the owner decides about a deck."""

    name: str
    cards: Sequence[int]
    evolution_slots: Sequence[int]


def list_decks(session: Session, user_id: int) -> list[Deck]:
    """Give a user's decks, newest first."""
    require_user(session, user_id)
    mine = select(Deck).where(Deck.user_id == user_id)
    return list(session.scalars(mine.order_by(Deck.created_at.desc(), Deck.id.desc())))


def get_deck(session: Session, user_id: int, deck_id: int, *, lock: bool = False) -> Deck:
    """Give one of a user's decks; :class:`NotFound` if it is not there or not theirs."""
    require_user(session, user_id)
    statement = select(Deck).where(Deck.id == deck_id, Deck.user_id == user_id)
    deck = session.scalar(statement.with_for_update() if lock else statement)
    if deck is None:
        raise NotFound(f"You have no deck {deck_id}.")
    return deck


def create_deck(session: Session, user_id: int, values: DeckValues, now: datetime) -> Deck:
    """Add a deck. Raises :class:`Unacceptable`, or :class:`Conflict` for one too many or a name that is taken."""
    # Two that come at once take turns, so the count holds.
    require_user(session, user_id, lock=True)
    deck = Deck(user_id=user_id, created_at=now)
    _set(session, deck, values, now)
    if (session.scalar(select(func.count()).select_from(Deck).where(Deck.user_id == user_id)) or 0) >= DECKS:
        raise Conflict(f"You have {DECKS} decks already, and there may be no more: delete one first.")
    session.add(deck)
    session.flush()
    return deck


def replace_deck(session: Session, user_id: int, deck_id: int, values: DeckValues, now: datetime) -> Deck:
    """Change all of a deck. Raises what :func:`create_deck` does, and :class:`NotFound`."""
    deck = get_deck(session, user_id, deck_id, lock=True)
    _set(session, deck, values, now)
    session.flush()
    return deck


def rename_deck(session: Session, user_id: int, deck_id: int, name: str, now: datetime) -> Deck:
    """Change a deck's name. Raises :class:`Conflict` where it is taken, and :class:`NotFound`."""
    deck = get_deck(session, user_id, deck_id, lock=True)
    deck.name = name
    deck.updated_at = now
    session.flush()
    return deck


def delete_deck(session: Session, user_id: int, deck_id: int) -> None:
    """Remove a deck; :class:`NotFound` if it is not there or not theirs."""
    session.delete(get_deck(session, user_id, deck_id, lock=True))


def _set(session: Session, deck: Deck, values: DeckValues, now: datetime) -> None:
    known = card_facts(session, (*values.cards, *values.evolution_slots))
    broken = broken_rules(values.cards, values.evolution_slots, known)
    if broken:
        raise Unacceptable(
            "This is no deck that can be played.", [asdict(rule) | {"field": f"body.{rule.field}"} for rule in broken]
        )
    deck.name = values.name
    deck.cards = list(values.cards)
    deck.evolution_slots = list(values.evolution_slots)
    deck.average_elixir = average_elixir(known[card].elixir_cost for card in values.cards)
    deck.updated_at = now
