"""Cards in the API's format: what is made of them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.application.deck_builder import ANSWER, module
from tests.application.support import card_facts

cards = module("cards")
CardsError = module("errors").CardsError


def parse(**changes: Any) -> Any:
    """Parse one card, Knight with these changes; None takes a field out."""
    knight = json.loads(ANSWER.read_bytes())["items"][0] | changes
    return cards.parse(json.dumps({"items": [{k: v for k, v in knight.items() if v is not None}]}).encode(), "here")[0]


def test_the_answer_is_read_without_the_towers_troops() -> None:
    found = cards.parse(ANSWER.read_bytes(), "here")
    assert [(card.name, card.kind, card.cost, card.rarity, card.evolves) for card in found] == [
        ("Knight", "Troop", 3, "common", True),
        ("P.E.K.K.A", "Troop", 7, "epic", True),
        ("Princess", "Troop", 3, "legendary", False),
        ("Archer Queen", "Troop", 5, "champion", False),
        ("Monk", "Troop", 5, "champion", False),
        ("Cannon", "Building", 3, "common", False),
        ("Mirror", "Spell", 1, "epic", False),
        ("The Log", "Spell", 2, "legendary", False),
        ("Heal Spirit", "Troop", 1, "rare", False),
    ]


@pytest.mark.parametrize("fact", card_facts(), ids=lambda fact: fact["name"])
def test_the_type_is_told_by_the_id(fact: dict[str, str]) -> None:
    assert parse(id=int(fact["id"])).kind == fact["type"]


@pytest.mark.parametrize(
    ("icons", "level", "evolves"),
    [
        ({"evolutionMedium": "https://x/e.png"}, None, True),
        ({}, 1, True),
        ({}, 3, True),
        ({"heroMedium": "https://x/h.png"}, 2, False),
        ({}, None, False),
        (None, 0, False),
    ],
)
def test_a_card_evolves_if_it_has_a_picture_or_a_level_of_that(icons: Any, level: int | None, evolves: bool) -> None:
    assert parse(iconUrls=icons, maxEvolutionLevel=level).evolves is evolves


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "'Knight': id: Field required"),
        ({"id": "26000000"}, "'Knight': id: Input should be a valid integer"),
        ({"id": 159000000}, "'Knight': id: Input should be less than 29000000"),
        ({"id": True}, "id: "),
        ({"name": None}, "card 1: name: Field required"),
        ({"name": ""}, "card 1: name: "),
        ({"name": "  "}, "name: "),
        ({"name": "x" * 65}, "name: String should have at most 64 characters"),
        ({"rarity": "mythic"}, "'Knight': rarity: Input should be 'common', 'rare'"),
        ({"elixirCost": 11}, "elixirCost: Input should be less than or equal to 10"),
        ({"elixirCost": -1}, "elixirCost: "),
        ({"elixirCost": 2.5}, "elixirCost: "),
        ({"elixirCost": None}, "'Knight': elixirCost: is missing"),
        ({"iconUrls": {"medium": "javascript:alert(1)"}}, "iconUrls.medium: "),
        ({"iconUrls": {"medium": "https://x/" + "y" * 255}}, "iconUrls.medium: "),
        ({"iconUrls": []}, "iconUrls: "),
    ],
)
def test_a_card_that_is_wrong_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CardsError) as caught:
        parse(**changes)
    assert caught.value.message.startswith("here gives cards that are not usable: card 1")
    assert reason in caught.value.message
    assert "no card is taken unless all are sound" in caught.value.hint


def test_one_wrong_card_among_many_refuses_all_and_the_first_three_are_told() -> None:
    document = json.loads(ANSWER.read_bytes())
    document["items"][1:1] = ["a text", {"name": "Nobody"}, None, 7]
    with pytest.raises(CardsError) as caught:
        cards.parse(json.dumps(document).encode(), "here")
    assert "card 2: Input should be" in caught.value.message
    assert "card 3, 'Nobody': id: Field required" in caught.value.message
    assert caught.value.message.endswith(" (and 1 more)")


def test_a_card_that_is_there_twice_is_refused() -> None:
    document = json.loads(ANSWER.read_bytes())
    document["items"].append(document["items"][0])
    with pytest.raises(CardsError, match="the id 26000000 is there 2 times"):
        cards.parse(json.dumps(document).encode(), "here")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ANSWER.read_bytes()[:-100], "here gives no JSON: "),
        (b"", "here gives no JSON: "),
        (b"\xff\xfe", "here gives no JSON: "),
        (b"[" * 100_000, "here gives no JSON: "),
        (b"[]", "no list 'items'"),
        (b'{"items": {}}', "no list 'items'"),
        (b'{"items": []}', "no list 'items'"),
        (b'{"reason": "notFound"}', "no list 'items'"),
    ],
)
def test_what_is_no_answer_of_the_api_is_told(text: bytes, reason: str) -> None:
    with pytest.raises(CardsError) as caught:
        cards.parse(text, "here")
    assert reason in caught.value.message
