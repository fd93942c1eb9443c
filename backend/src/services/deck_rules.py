"""What makes a deck a deck: pure functions, whose cases are in ``tests/data/deck_rules.json`` for the frontend too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

SIZE: Final = 8
"""Cards of a deck."""

EVOLUTIONS: Final = 2
"""Most cards of a deck that are played evolved."""

DECKS: Final = 20
"""Most decks of a user."""

_FIELDS: Final = {"cards": "cards", "evolutions": "evolution_slots"}
"""The field that a rule is about, by how its name begins."""


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of a card. Mirror counts as the cache of cards has it."""

    elixir_cost: int
    has_evolution: bool


@dataclass(frozen=True)
class Broken:
    """One rule that a deck breaks: its name, the field that is about, and a sentence."""

    code: str
    field: str
    message: str


def broken_rules(cards: Sequence[int], evolution_slots: Sequence[int], known: Mapping[int, Facts]) -> list[Broken]:
    """Give every rule that a deck of these ids breaks; ``known`` has the cards among them that exist."""
    checks = (
        (
            "cards_count",
            len(cards) != SIZE,
            f"A deck has {SIZE} cards; this one has {len(cards)}.",
        ),
        ("cards_different", bool(_twice(cards)), f"These cards are there more than once: {_list(_twice(cards))}."),
        (
            "cards_exist",
            bool(missing := [card for card in dict.fromkeys(cards) if card not in known]),
            f"There are no cards with these ids: {_list(missing)}.",
        ),
        (
            "evolutions_count",
            len(evolution_slots) > EVOLUTIONS,
            f"A deck has at most {EVOLUTIONS} evolutions; this one has {len(evolution_slots)}.",
        ),
        (
            "evolutions_different",
            bool(_twice(evolution_slots)),
            f"These evolutions are there more than once: {_list(_twice(evolution_slots))}.",
        ),
        (
            "evolutions_in_deck",
            bool(absent := [card for card in dict.fromkeys(evolution_slots) if card not in cards]),
            f"These evolutions are of cards that are not in the deck: {_list(absent)}.",
        ),
        (
            "evolutions_exist",
            bool(
                plain := [
                    card for card in dict.fromkeys(evolution_slots) if card in known and not known[card].has_evolution
                ]
            ),
            f"These cards have no evolution: {_list(plain)}.",
        ),
    )
    return [Broken(code, _FIELDS[code.partition("_")[0]], message) for code, broken, message in checks if broken]


def average_elixir(costs: Iterable[int]) -> Decimal:
    """Give the average of a whole deck's elixir costs, exactly: an eighth has three decimals."""
    return (Decimal(sum(costs)) / SIZE).quantize(Decimal("0.001"))


def _twice(ids: Sequence[int]) -> list[int]:
    return [card for card, count in Counter(ids).items() if count > 1]


def _list(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))
