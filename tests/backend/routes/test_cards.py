from typing import Any

import pytest

from tests.application.support import card_facts
from tests.backend.support import Api

FACTS = card_facts()


def listed(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = api.client().get("/api/cards", params={"limit": 200, **query})
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def names(api: Api, **query: Any) -> set[str]:
    return {card["name"] for card in listed(api, **query)}


def test_all_cards_are_listed_by_name_and_nobody_has_to_sign_in(api: Api) -> None:
    found = [card["name"] for card in listed(api)]
    assert len(found) == len(FACTS)
    assert set(found) == {card["name"] for card in FACTS}
    assert found[:3] == ["Archer Queen", "Archers", "Arrows"]


@pytest.mark.parametrize("text", ["kni", "KNI", "night"])
def test_part_of_a_name_finds_cards_in_upper_and_lower_case(api: Api, text: str) -> None:
    assert names(api, name=text) >= {"Knight", "Golden Knight"}
    assert names(api, name=text) == {card["name"] for card in FACTS if text.lower() in card["name"].lower()}


@pytest.mark.parametrize("text", ["%", "_", "/", "\\", "'", "🃏", "zzz"])
def test_what_is_special_to_the_database_stands_for_itself(api: Api, text: str) -> None:
    assert names(api, name=text) == {card["name"] for card in FACTS if text in card["name"]}


@pytest.mark.parametrize(
    ("query", "column", "values"),
    [
        ({"rarity": "Champion"}, "rarity", {"Champion"}),
        ({"type": "Spell"}, "type", {"Spell"}),
        ({"elixir": 3}, "elixir_cost", {"3"}),
        ({"elixir_min": 7}, "elixir_cost", {"7", "8", "9", "10"}),
        ({"elixir_max": 1}, "elixir_cost", {"0", "1"}),
        ({"elixir_min": 2, "elixir_max": 3}, "elixir_cost", {"2", "3"}),
    ],
)
def test_cards_are_filtered(api: Api, query: dict[str, Any], column: str, values: set[str]) -> None:
    expected = {card["name"] for card in FACTS if card[column] in values}
    assert expected
    assert names(api, **query) == expected


def test_filters_hold_together(api: Api) -> None:
    assert names(api, type="Spell", rarity="Legendary", name="log", elixir=2) == {"The Log"}


def test_pages_join_to_the_whole(api: Api) -> None:
    pages = [api.client().get("/api/cards", params={"limit": 40, "offset": start}).json() for start in (0, 40, 80)]
    assert [page["total"] for page in pages] == [len(FACTS)] * 3
    assert [card for page in pages for card in page["items"]] == listed(api)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"offset": -1},
        {"offset": 10**30},
        {"elixir": 11},
        {"elixir": "three"},
        {"rarity": "Mythic"},
        {"type": ""},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\0b"},
    ],
)
def test_filters_that_cannot_be_are_refused(api: Api, query: dict[str, Any]) -> None:
    response = api.client().get("/api/cards", params=query)
    assert response.status_code == 422
    assert [problem["field"] for problem in response.json()["problems"]] == [f"query.{next(iter(query))}"]


def test_one_card_is_given_by_its_id(api: Api) -> None:
    assert api.client().get("/api/cards/28000006").json() == {
        "id": 28000006,
        "name": "Mirror",
        "elixir_cost": 1,
        "rarity": "Epic",
        "type": "Spell",
        "arena": int(next(card["arena"] for card in FACTS if card["name"] == "Mirror")),
        "has_evolution": False,
        "image_url": None,
        "evolution_image_url": None,
    }


def test_a_card_that_is_not_there_is_not_found(api: Api) -> None:
    response = api.client().get("/api/cards/7")
    assert (response.status_code, response.json()["detail"]) == (404, "There is no card 7.")


@pytest.mark.parametrize("text", ["0", "-1", "x", str(2**31), "9" * 5000, "1.5", "%00"])
def test_ids_that_cannot_be_are_refused(api: Api, text: str) -> None:
    assert api.client().get(f"/api/cards/{text}").status_code == 422
