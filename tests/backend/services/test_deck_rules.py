"""The rules of decks, by the cases that the frontend runs too."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.deck_rules import DECKS, EVOLUTIONS, SIZE, Facts, average_elixir, broken_rules
from tests.application.support import ROOT

SHARED = json.loads((ROOT / "tests" / "data" / "deck_rules.json").read_text())
KNOWN = {card["id"]: Facts(card["elixir_cost"], card["has_evolution"]) for card in SHARED["cards"]}


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])
def test_a_case_that_the_frontend_shares(case: dict[str, Any]) -> None:
    broken = broken_rules(case["cards"], case["evolution_slots"], KNOWN)
    assert [rule.code for rule in broken] == case["broken"]
    if not case["broken"]:
        assert float(average_elixir(KNOWN[card].elixir_cost for card in case["cards"])) == case["average_elixir"]


def test_every_rule_has_a_case_of_its_own() -> None:
    alone = {case["broken"][0] for case in SHARED["cases"] if len(case["broken"]) == 1}
    assert alone == {code for case in SHARED["cases"] for code in case["broken"]}


def test_the_numbers_are_those_that_were_asked_for() -> None:
    assert (SIZE, EVOLUTIONS, DECKS) == (8, 2, 20)


def test_a_rule_says_which_cards_break_it() -> None:
    (rule,) = broken_rules([1, 2, 3, 4, 5, 6, 7, 99], [], KNOWN)
    assert (rule.field, rule.message) == ("cards", "There are no cards with these ids: 99.")


@given(st.lists(st.integers(0, 10), min_size=8, max_size=8))
def test_an_average_is_exact_with_three_decimals(costs: list[int]) -> None:
    average = average_elixir(costs)
    assert average * 8 == sum(costs)
    assert average == Decimal(f"{average:.3f}")
    assert float(average) == sum(costs) / 8
