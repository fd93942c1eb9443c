import json
import shutil
from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError
from deckinfra.plugins import PluginManager
from tests.application.support import ROOT, card_facts, change, migrator, seeds, select

EVERYTHING = "SELECT * FROM {table} ORDER BY id"


def contents(url: DatabaseURL) -> list[object]:
    return [select(url, EVERYTHING.format(table=table)) for table in ("users", "decks", "cards_cache")]


def test_seeds_are_planted_once_and_then_change_nothing(any_url: DatabaseURL) -> None:
    runner = migrator(any_url)
    runner.upgrade()
    assert runner.seed(seeds()) == {"cards": len(card_facts()), "users": 2, "decks": 6}
    before = contents(any_url)
    assert runner.seed(seeds()) == {"cards": 0, "users": 0, "decks": 0}
    assert contents(any_url) == before


def test_rows_that_somebody_changed_stay_as_they_are(any_url: DatabaseURL) -> None:
    runner = migrator(any_url)
    runner.upgrade()
    runner.seed(seeds())
    change(any_url, "UPDATE cards_cache SET elixir_cost = 9 WHERE name = 'Knight'")
    change(any_url, "UPDATE users SET password_hash = 'mine' WHERE username = 'trainer'")
    change(any_url, "UPDATE decks SET average_elixir = 1.5 WHERE name = 'Hog cycle'")
    change(any_url, "DELETE FROM decks WHERE name = 'Log bait'")
    change(any_url, "DELETE FROM cards_cache WHERE name = 'Zap'")
    assert runner.seed(seeds()) == {"cards": 1, "users": 0, "decks": 1}
    assert select(any_url, "SELECT elixir_cost FROM cards_cache WHERE name = 'Knight'") == [(9,)]
    assert select(any_url, "SELECT password_hash FROM users WHERE username = 'trainer'") == [("mine",)]
    assert [float(a) for (a,) in select(any_url, "SELECT average_elixir FROM decks WHERE name = 'Hog cycle'")] == [1.5]


def test_a_name_or_address_that_is_taken_is_left_to_who_has_it(any_url: DatabaseURL) -> None:
    runner = migrator(any_url)
    runner.upgrade()
    change(any_url, "INSERT INTO users (username, email, password_hash) VALUES ('Trainer', 'me@example.com', 'h')")
    assert runner.seed(seeds()) == {"cards": len(card_facts()), "users": 1, "decks": 3}
    assert select(
        any_url, "SELECT count(*) FROM decks d JOIN users u ON u.id = d.user_id WHERE u.email LIKE 'me%%'"
    ) == [(0,)]


def test_every_planted_deck_is_one_that_can_be_played(any_url: DatabaseURL) -> None:
    runner = migrator(any_url)
    runner.upgrade()
    runner.seed(seeds())
    cards = {row[0]: row for row in select(any_url, "SELECT id, elixir_cost, has_evolution, rarity FROM cards_cache")}
    decks = select(any_url, "SELECT name, cards, evolution_slots, average_elixir FROM decks")
    assert len(decks) == 6
    for name, text, slots_text, average in decks:
        chosen, slots = json.loads(text), json.loads(slots_text)
        assert len(set(chosen)) == 8, name
        assert set(chosen) <= set(cards), name
        assert len(slots) <= 2, name
        assert set(slots) <= set(chosen), name
        assert all(cards[card][2] for card in slots), name
        assert sum(cards[card][3] == "Champion" for card in chosen) <= 1, name
        assert float(average) == sum(cards[card][1] for card in chosen) / 8, name


def test_the_passwords_are_hashed_with_argon2id_and_a_salt_each(sqlite_url: DatabaseURL) -> None:
    runner = migrator(sqlite_url)
    runner.upgrade()
    runner.seed(seeds())
    hashes = [text for (text,) in select(sqlite_url, "SELECT password_hash FROM users")]
    assert all(text.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for text in hashes)
    assert len({text.split("$")[4] for text in hashes}) == 2


def test_seed_files_that_are_not_there_are_named(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    migrator(sqlite_url).upgrade()
    manager = PluginManager.load(tmp_path, {}, ("deck_builder",))
    with pytest.raises(ConfigurationError, match=r"cards.csv cannot be read: No such file") as caught:
        migrator(sqlite_url).seed([seed for seed in manager.seeds() if seed.name == "cards"])
    assert "Nothing was added" in caught.value.hint
