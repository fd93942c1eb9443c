"""The cards' file against what is known of the game, and of itself."""

from collections import Counter

import pytest

from tests.application.support import card_facts

CARDS = card_facts()


def test_there_are_enough_cards_to_build_with() -> None:
    assert len(CARDS) >= 60
    assert set(Counter(card["type"] for card in CARDS)) == {"Troop", "Building", "Spell"}
    assert {card["rarity"] for card in CARDS} == {"Common", "Rare", "Epic", "Legendary", "Champion"}


@pytest.mark.parametrize("column", ["id", "name"])
def test_no_two_cards_share_an_id_or_a_name(column: str) -> None:
    assert [value for value, count in Counter(card[column] for card in CARDS).items() if count > 1] == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card["name"])
def test_a_card_is_one_of_the_game(card: dict[str, str]) -> None:
    # The game numbers troops, buildings and spells from 26, 27 and 28 million.
    prefix = {"26": "Troop", "27": "Building", "28": "Spell"}[card["id"][:2]]
    assert card["type"] == prefix
    assert len(card["id"]) == 8
    assert 1 <= int(card["elixir_cost"]) <= 9
    assert 0 <= int(card["arena"]) <= 25
    assert card["has_evolution"] in {"yes", "no"}


@pytest.mark.parametrize(
    ("name", "elixir", "rarity", "kind"),
    [
        ("Knight", 3, "Common", "Troop"),
        ("Hog Rider", 4, "Rare", "Troop"),
        ("P.E.K.K.A", 7, "Epic", "Troop"),
        ("Three Musketeers", 9, "Rare", "Troop"),
        ("Skeletons", 1, "Common", "Troop"),
        ("X-Bow", 6, "Epic", "Building"),
        ("The Log", 2, "Legendary", "Spell"),
        ("Archer Queen", 5, "Champion", "Troop"),
        ("Mirror", 1, "Epic", "Spell"),
    ],
)
def test_well_known_cards_are_as_everybody_knows_them(name: str, elixir: int, rarity: str, kind: str) -> None:
    (card,) = [card for card in CARDS if card["name"] == name]
    assert (int(card["elixir_cost"]), card["rarity"], card["type"]) == (elixir, rarity, kind)
