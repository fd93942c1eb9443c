"""Decks of one user. Another's deck is as if it were not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from src.models import Deck, User
from src.services.cards import card_facts
from src.services.deck_rules import DECKS, average_elixir, broken_rules
from src.services.users import gone, require_same, require_user
from src.utils.errors import Conflict, NotFound, Unacceptable
from src.utils.security import Holder


@dataclass(frozen=True)
class DeckValues:
    """What the owner decides about a deck."""

    name: str
    cards: Sequence[int]
    evolution_slots: Sequence[int]


def list_decks(session: Session, holder: Holder) -> list[Deck]:
    """Give a user's decks, newest first."""
    return _mine(session, holder, Deck.user_id == User.id)


def get_deck(session: Session, holder: Holder, deck_id: int) -> Deck:
    """Give one of a user's decks; :class:`NotFound` if it is not there or not theirs."""
    found = _mine(session, holder, and_(Deck.user_id == User.id, Deck.id == deck_id))
    if not found:
        raise _absent(deck_id)
    return found[0]


def create_deck(session: Session, holder: Holder, values: DeckValues, now: datetime) -> Deck:
    """Add a deck. Raises :class:`Unacceptable`, or :class:`Conflict` for one too many or a name that is taken."""
    # Two that come at once take turns, so the count holds.
    require_user(session, holder, lock=True)
    deck = Deck(user_id=holder.user_id, created_at=now)
    _set(session, deck, values, now)
    if (session.scalar(select(func.count()).select_from(Deck).where(Deck.user_id == holder.user_id)) or 0) >= DECKS:
        raise Conflict(f"You have {DECKS} decks already, and there may be no more: delete one first.")
    session.add(deck)
    session.flush()
    return deck


def replace_deck(session: Session, holder: Holder, deck_id: int, values: DeckValues, now: datetime) -> Deck:
    """Change all of a deck. Raises what :func:`create_deck` does, and :class:`NotFound`."""
    deck = _lock_deck(session, holder, deck_id)
    _set(session, deck, values, now)
    session.flush()
    return deck


def rename_deck(session: Session, holder: Holder, deck_id: int, name: str, now: datetime) -> Deck:
    """Change a deck's name. Raises :class:`Conflict` where it is taken, and :class:`NotFound`."""
    deck = _lock_deck(session, holder, deck_id)
    deck.name = name
    deck.updated_at = now
    session.flush()
    return deck


def delete_deck(session: Session, holder: Holder, deck_id: int) -> None:
    """Remove a deck; :class:`NotFound` if it is not there or not theirs."""
    session.delete(_lock_deck(session, holder, deck_id))


def _mine(session: Session, holder: Holder, which: ColumnElement[bool]) -> list[Deck]:
    """Give those of a user's decks, newest first, and look at whose account it is in the same query."""
    statement = (
        select(User.password_hash, Deck)
        .outerjoin(Deck, which)
        .where(User.id == holder.user_id)
        .order_by(Deck.created_at.desc(), Deck.id.desc())
    )
    rows = session.execute(statement).all()
    if not rows:
        raise gone()
    require_same(holder, rows[0].password_hash)
    return [row.Deck for row in rows if row.Deck is not None]


def _lock_deck(session: Session, holder: Holder, deck_id: int) -> Deck:
    """Give a deck to change. The user is asked for apart: with one query their row would be locked, too."""
    require_user(session, holder)
    statement = select(Deck).where(Deck.id == deck_id, Deck.user_id == holder.user_id)
    deck = session.scalar(statement.with_for_update())
    if deck is None:
        raise _absent(deck_id)
    return deck


def _absent(deck_id: int) -> NotFound:
    return NotFound(f"You have no deck {deck_id}.")


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
