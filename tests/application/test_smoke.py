"""What the deck application's plugin asks of a restored database: each rule holds, and each breach is found."""

from __future__ import annotations

import json

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations.connection import MIGRATE, connect
from deckinfra.plugins import PluginManager
from deckinfra.services.smoke import ask, fitting
from tests.application.support import ROOT, migrator, seeds, select


def _broken_rules(url: DatabaseURL) -> dict[str, tuple[str, ...]]:
    queries = PluginManager.load(ROOT, {}, ("deck_builder",)).smoke_queries()
    chosen = fitting(queries, url.dialect)
    assert len(chosen) == len(queries) == 4
    found = [ask(url, query, words) for query, words in chosen]
    assert not [finding for finding in found if "could not" in finding.problem], found
    return {finding.query: finding.rows for finding in found if finding.problem}


def _force(url: DatabaseURL, statement: str) -> None:
    """Change rows as nothing that keeps the rules would."""
    with connect(url, MIGRATE, wait=5) as connection, connection.begin():
        if url.dialect != "sqlite":
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
        connection.exec_driver_sql(statement)


@pytest.fixture
def decks(any_url: DatabaseURL) -> DatabaseURL:
    """The application's schema with its example data, on each kind of database."""
    runner = migrator(any_url)
    runner.upgrade()
    assert _broken_rules(any_url) == {}
    runner.seed(seeds())
    return any_url


def test_the_rules_hold_for_the_example_data_and_each_breach_is_found(decks: DatabaseURL) -> None:
    assert _broken_rules(decks) == {}
    ((deck, owner, text),) = select(decks, "SELECT id, user_id, cards FROM decks WHERE name = 'Hog cycle'")
    cards = json.loads(text)
    twice = [*cards[:7], cards[0]]

    _force(decks, f"UPDATE decks SET cards = '{json.dumps(twice)}', evolution_slots = '[]' WHERE id = {deck}")
    assert _broken_rules(decks) == {"decks-have-eight-cards": (f"({deck}, 7)",)}
    _force(decks, f"UPDATE decks SET cards = '{json.dumps(cards)}', evolution_slots = '[1]' WHERE id = {deck}")
    assert _broken_rules(decks) == {"evolved-cards-are-in-their-deck": (f"({deck}, 1)",)}
    _force(decks, f"UPDATE decks SET evolution_slots = '[]' WHERE id = {deck}")
    assert _broken_rules(decks) == {}
    _force(decks, f"DELETE FROM cards_cache WHERE id = {cards[3]}")
    assert f"({deck}, {cards[3]})" in _broken_rules(decks)["cards-of-decks-are-known"]
    _force(decks, "DELETE FROM cards_cache")
    assert _broken_rules(decks) == {}
    _force(decks, f"DELETE FROM users WHERE id = {owner}")
    assert f"({deck}, {owner})" in _broken_rules(decks)["decks-have-owners"]
