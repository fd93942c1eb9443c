import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.backend.support import CARDS, EVOLVED, NOT_EVOLVED, Api, Person

ELIXIR = (3 + 3 + 5 + 1 + 4 + 4 + 3 + 2) / 8


def test_a_deck_is_made_read_changed_and_deleted(person: Person) -> None:
    made = person.make_deck(name="Ölé 🃏 'deck'")
    assert made.status_code == 201
    deck = made.json()
    assert (deck["name"], deck["cards"], deck["evolution_slots"]) == ("Ölé 🃏 'deck'", CARDS, EVOLVED)
    assert deck["average_elixir"] == ELIXIR
    assert person.http.get(f"/api/decks/{deck['id']}").json() == deck
    assert person.http.get("/api/decks").json() == [deck]

    changed = {"name": "Other", "cards": [28000006, *CARDS[1:]], "evolution_slots": []}
    replaced = person.http.put(f"/api/decks/{deck['id']}", json=changed).json()
    assert {name: replaced[name] for name in changed} == changed
    # Mirror costs 1 in the cache, whatever it repeats.
    assert replaced["average_elixir"] == ELIXIR - 2 / 8

    renamed = person.http.patch(f"/api/decks/{deck['id']}", json={"name": "Third"}).json()
    assert (renamed["name"], renamed["cards"]) == ("Third", changed["cards"])
    assert person.http.get(f"/api/decks/{deck['id']}").json() == renamed

    gone = person.http.delete(f"/api/decks/{deck['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert person.http.delete(f"/api/decks/{deck['id']}").status_code == 404
    assert person.http.get("/api/decks").json() == []


def test_times_are_in_utc_and_a_change_is_noted(person: Person) -> None:
    deck = person.make_deck().json()
    assert deck["created_at"].endswith("Z")
    made = datetime.fromisoformat(deck["created_at"])
    assert timedelta(0) <= datetime.now(UTC) - made < timedelta(minutes=1)
    changed = person.http.patch(f"/api/decks/{deck['id']}", json={"name": "x"}).json()
    assert changed["created_at"] == deck["created_at"]
    assert changed["updated_at"] >= deck["updated_at"]


def test_decks_are_listed_newest_first(person: Person) -> None:
    made = [person.make_deck().json()["id"] for _ in range(3)]
    assert [deck["id"] for deck in person.http.get("/api/decks").json()] == made[::-1]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"cards": CARDS[:7], "evolution_slots": []}, ["cards_count"]),
        ({"cards": [*CARDS, 28000006]}, ["cards_count"]),
        ({"cards": [*CARDS[:7], CARDS[0]]}, ["cards_different"]),
        ({"cards": [*CARDS[:7], 1]}, ["cards_exist"]),
        ({"evolution_slots": [*EVOLVED, 26000001]}, ["evolutions_count"]),
        ({"evolution_slots": [EVOLVED[0], EVOLVED[0]]}, ["evolutions_different"]),
        ({"evolution_slots": [26000024]}, ["evolutions_in_deck"]),
        ({"evolution_slots": [NOT_EVOLVED]}, ["evolutions_exist"]),
        ({"cards": []}, ["cards_count", "evolutions_in_deck"]),
    ],
)
def test_a_deck_that_breaks_rules_is_refused_with_each_of_them(
    person: Person, values: dict[str, Any], codes: list[str]
) -> None:
    refused = person.make_deck(**values)
    assert refused.status_code == 422
    found = [problem["code"] for problem in refused.json()["problems"]]
    assert [code for code in found if code != "evolutions_exist" or code in codes] == codes
    fields = {"cards": "body.cards", "evolutions": "body.evolution_slots"}
    assert all(problem["field"] == fields[problem["code"].split("_")[0]] for problem in refused.json()["problems"])
    deck = person.make_deck().json()
    body = {"name": "x", "cards": CARDS, "evolution_slots": EVOLVED} | values
    assert person.http.put(f"/api/decks/{deck['id']}", json=body).json()["problems"] == refused.json()["problems"]
    assert person.http.get("/api/decks").json() == [deck]


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "\u200b\u200d"},
        {"name": "a\nb"},
        {"name": "\ud83c"},
        {"name": None},
        {"cards": "26000000"},
        {"cards": [str(card) for card in CARDS]},
        {"cards": [True] * 8},
        {"cards": [1.5] * 8},
        {"cards": [0] * 8},
        {"cards": [2**31] * 8},
        {"cards": [10**300] * 8},
        {"cards": [1] * 51},
        {"evolution_slots": None},
        {"average_elixir": 1.0},
        {"user_id": 1},
    ],
)
def test_a_deck_that_is_malformed_is_refused(person: Person, values: dict[str, Any]) -> None:
    body = json.dumps({"name": "x", "cards": CARDS, "evolution_slots": []} | values)
    response = person.http.post("/api/decks", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["problems"][0]["field"].startswith("body")


def test_names_have_room_for_a_hundred_letters_of_any_kind(person: Person) -> None:
    assert person.make_deck(name="🃏" * 100).json()["name"] == "🃏" * 100


def test_a_name_is_taken_once_a_user(person: Person, api: Api) -> None:
    assert person.make_deck(name="Mine").status_code == 201
    other = person.make_deck(name="Other").json()
    for response in (
        person.make_deck(name="Mine"),
        person.http.put(f"/api/decks/{other['id']}", json={"name": "Mine", "cards": CARDS}),
        person.http.patch(f"/api/decks/{other['id']}", json={"name": "Mine"}),
    ):
        assert (response.status_code, response.json()["detail"]) == (409, "You have a deck of that name already.")
    assert api.person().make_deck(name="Mine").status_code == 201


def test_nobody_reads_or_changes_anothers_decks(person: Person, api: Api) -> None:
    deck = person.make_deck().json()
    other = api.person()
    path = f"/api/decks/{deck['id']}"
    for response in (
        other.http.get(path),
        other.http.put(path, json={"name": "Taken", "cards": CARDS}),
        other.http.patch(path, json={"name": "Taken"}),
        other.http.delete(path),
    ):
        assert response.status_code == 404
        assert response.json()["detail"] == f"You have no deck {deck['id']}."
    assert other.http.get("/api/decks").json() == []
    assert person.http.get(path).json() == deck


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_decks_are_for_those_who_are_signed_in(api: Api, method: str) -> None:
    path = "/api/decks" if method == "POST" else "/api/decks/1"
    body = {"name": "x", "cards": CARDS} if method in {"POST", "PUT"} else None
    response = api.client().request(method, path, json=body)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_there_are_twenty_decks_a_user(person: Person) -> None:
    made = [person.make_deck().status_code for _ in range(21)]
    assert made == [201] * 20 + [409]
    newest = person.http.get("/api/decks").json()[0]
    assert person.http.delete(f"/api/decks/{newest['id']}").status_code == 204
    assert person.make_deck().status_code == 201


def test_the_twentieth_deck_is_made_once_however_many_ask_at_once(person: Person) -> None:
    for _ in range(19):
        assert person.make_deck().status_code == 201
    with ThreadPoolExecutor(8) as threads:
        found = sorted(response.status_code for response in threads.map(lambda _: person.make_deck(), range(8)))
    assert found == [201] + [409] * 7
    assert len(person.http.get("/api/decks").json()) == 20


def test_changes_that_come_at_once_leave_one_of_them_whole(person: Person) -> None:
    deck = person.make_deck().json()
    bodies = [
        {"name": "a", "cards": CARDS, "evolution_slots": EVOLVED},
        {"name": "b", "cards": [28000006, *CARDS[1:]], "evolution_slots": []},
    ]

    def replace(number: int) -> int:
        return person.http.put(f"/api/decks/{deck['id']}", json=bodies[number % 2]).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(replace, range(24))) == {200}
    found = person.http.get(f"/api/decks/{deck['id']}").json()
    assert {name: found[name] for name in bodies[0]} in bodies
    assert found["average_elixir"] == (ELIXIR if found["name"] == "a" else ELIXIR - 2 / 8)
