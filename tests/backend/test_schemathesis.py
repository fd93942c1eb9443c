"""Requests made up from the API's own description, the odder the better, against the running API: no 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from src.__main__ import openapi
from tests.backend.support import CARDS, EVOLVED, Api, Person

EXAMPLES = 30
DESCRIBED = schemathesis.openapi.from_dict(json.loads(openapi()))
NOT_SAID = [positive_data_acceptance]
"""A JSON schema cannot say that a deck has eight cards that exist, or that a name has something to see."""
OPERATIONS = [result.ok() for result in DESCRIBED.get_all_operations() if isinstance(result, Ok)]


@pytest.fixture(scope="module")
def asking(mysql_api: Api) -> tuple[Person, int]:
    """Somebody who is signed in, and a deck of theirs."""
    person = mysql_api.person()
    deck: int = person.make_deck().json()["id"]
    return person, deck


def test_every_operation_is_tried() -> None:
    assert len(OPERATIONS) == 13


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_what_is_made_up_is_answered_as_documented(operation: Any, mysql_api: Api, asking: tuple[Person, int]) -> None:
    person, deck = asking
    headers = {"Authorization": person.http.headers["Authorization"]}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        called = {"base_url": mysql_api.address, "headers": headers}
        assert case.call_and_validate(**called, excluded_checks=NOT_SAID).status_code < 500
        # Nobody makes up the id of a deck that there is, or eight cards that there are.
        of_a_deck = "deck_id" in case.path_parameters
        with_cards = isinstance(case.body, dict) and "cards" in case.body
        if of_a_deck:
            case.path_parameters["deck_id"] = deck
        if with_cards:
            case.body |= {"cards": CARDS, "evolution_slots": EVOLVED}
        assert not (of_a_deck or with_cards) or case.call(**called).status_code < 500

    ask()
