"""The same schema on every database: what it takes, what it refuses, and the way there and back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, MigrationError
from tests.application.support import change, migrator, select

TABLES = {"users", "decks", "cards_cache"}
INDEXES = {
    "ix_decks_user_id_created_at",
    "ix_decks_name",
    "ix_decks_created_at",
    "ix_cards_cache_name",
    "ix_cards_cache_rarity",
    "ix_cards_cache_elixir_cost",
    "ix_cards_cache_type",
}
EIGHT = "[1, 2, 3, 4, 5, 6, 7, 8]"


def names(url: DatabaseURL) -> tuple[set[str], set[str]]:
    """Give the names of a database's tables and of the indexes that revision 0002 makes."""
    if url.dialect == "sqlite":
        tables = select(url, "SELECT name FROM sqlite_master WHERE type = 'table'")
        indexes = select(url, "SELECT name FROM sqlite_master WHERE type = 'index'")
    else:
        tables = select(url, "SHOW TABLES")
        indexes = select(url, "SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE()")
    return {name for (name,) in tables} & TABLES, {name for (name,) in indexes if name.startswith("ix_")}


@pytest.fixture
def database(any_url: DatabaseURL) -> DatabaseURL:
    """A migrated database with one user in it."""
    migrator(any_url).upgrade()
    add_user(any_url)
    return any_url


def add_user(url: DatabaseURL, username: str = "Ana", email: str = "ana@example.com") -> None:
    change(url, "INSERT INTO users (username, email, password_hash) VALUES (:u, :e, 'hash')", u=username, e=email)


def add_deck(url: DatabaseURL, **values: Any) -> None:
    row = {"id": 1, "user_id": 1, "name": "My deck", "cards": EIGHT, "evolution_slots": "[1]", "average_elixir": 3.375}
    _insert(url, "decks", row | values)


def add_card(url: DatabaseURL, **values: Any) -> None:
    row = {"id": 26000000, "name": "Knight", "elixir_cost": 3, "rarity": "Common", "type": "Troop", "arena": 0}
    _insert(url, "cards_cache", row | values)


def _insert(url: DatabaseURL, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(row)
    change(url, f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in row)})", **row)


def test_up_down_and_up_again(any_url: DatabaseURL) -> None:
    runner = migrator(any_url)
    assert runner.status().state == "not migrated"
    assert runner.upgrade().revisions == ("0001", "0002", "0003")
    assert names(any_url) == (TABLES, INDEXES)
    assert runner.status().state == "up to date"
    assert [entry.applied for entry in runner.history()] == [True, True, True]
    assert runner.downgrade().revisions == ("0003",)
    assert names(any_url) == (TABLES, INDEXES)
    assert runner.downgrade().revisions == ("0002",)
    assert names(any_url) == (TABLES, set())
    assert runner.status().state == "behind"
    assert runner.downgrade("base").revisions == ("0001",)
    assert names(any_url) == (set(), set())
    assert runner.upgrade().revisions == ("0001", "0002", "0003")


def test_a_way_back_and_forth_keeps_the_rows(database: DatabaseURL) -> None:
    add_deck(database)
    migrator(database).downgrade("0001")
    migrator(database).upgrade()
    assert select(database, "SELECT name FROM decks") == [("My deck",)]


@pytest.mark.parametrize("name", ["Aná", "🐎", "🃏", "🥲", "Ana ", "An a"])
def test_names_that_differ_in_more_than_case_are_not_the_same(database: DatabaseURL, name: str) -> None:
    add_user(database, "🦊", "🦊@example.com")
    add_user(database, name, f"{name}@example.com")
    found = "SELECT count(*) FROM users WHERE username = '{0}' OR email = '{0}@example.com'"
    assert select(database, found.format(name)) == [(1,)]
    add_deck(database, name="🦊")
    add_deck(database, id=2, name=name)
    refused(r"UNIQUE|Duplicate entry", lambda: add_deck(database, id=3, name=name))


def test_names_that_would_become_the_same_stop_the_way_back_and_are_named(server_url: DatabaseURL) -> None:
    migrator(server_url).upgrade()
    for number, name in enumerate(["Joe", "Joé", "🐎", "🃏"]):
        add_user(server_url, name, f"{number}@example.com")
    add_deck(server_url, name="Ole")
    add_deck(server_url, name="Olé", id=2)
    add_deck(server_url, name="Olè", id=3, user_id=2)
    with pytest.raises(MigrationError) as caught:
        migrator(server_url).downgrade()
    for same in ("users.username: Joe = Joé", "users.username: 🐎 = 🃏", "decks.name: Ole = Olé"):
        assert same in caught.value.message
    assert "Olè" not in caught.value.message
    assert "Nothing was changed" in (caught.value.hint or "")
    assert migrator(server_url).status().state == "up to date"
    change(server_url, "DELETE FROM users WHERE username IN ('Joé', '🃏')")
    change(server_url, "DELETE FROM decks WHERE id = 2")
    assert migrator(server_url).downgrade().revisions == ("0003",)
    refused("Duplicate entry", lambda: add_user(server_url, "Joé", "x@example.com"))
    migrator(server_url).upgrade()
    add_user(server_url, "Joé", "x@example.com")


def test_any_letters_are_kept(database: DatabaseURL) -> None:
    add_deck(database, name='Ölé "deck" 日本 🃏')
    assert select(database, "SELECT name FROM decks") == [('Ölé "deck" 日本 🃏',)]


def test_rows_carry_the_time_in_utc(database: DatabaseURL) -> None:
    ((created, updated),) = select(database, "SELECT created_at, updated_at FROM users")
    for moment in (created, updated):
        stored = datetime.fromisoformat(str(moment)).replace(tzinfo=UTC)
        assert abs(datetime.now(UTC) - stored) < timedelta(minutes=2)


def test_the_time_is_utc_whatever_the_sessions_time_zone(server_url: DatabaseURL) -> None:
    from deckinfra.migrations.connection import PLANT, connect

    migrator(server_url).upgrade()
    with connect(server_url, PLANT, wait=5) as connection:
        connection.exec_driver_sql("SET time_zone = '+11:00'")
        connection.exec_driver_sql("INSERT INTO users (username, email, password_hash) VALUES ('a', 'a@b.c', 'h')")
        found = connection.exec_driver_sql("SELECT TIMESTAMPDIFF(MINUTE, created_at, UTC_TIMESTAMP()) FROM users")
        assert found.scalar() == 0


def test_an_average_is_kept_exactly(database: DatabaseURL) -> None:
    add_deck(database)
    assert [float(value) for (value,) in select(database, "SELECT average_elixir FROM decks")] == [3.375]


@pytest.mark.parametrize(("username", "email"), [("ANA", "x@example.com"), ("x", "Ana@Example.com")])
def test_a_user_is_the_same_in_upper_and_lower_case(database: DatabaseURL, username: str, email: str) -> None:
    refused(r"UNIQUE|Duplicate entry", lambda: add_user(database, username, email))


@pytest.mark.parametrize(("username", "email"), [("", "x@example.com"), ("x", "nowhere"), ("x", "@"), ("x", "")])
def test_users_without_a_name_or_address_are_refused(database: DatabaseURL, username: str, email: str) -> None:
    refused("ck_users_", lambda: add_user(database, username, email))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"cards": "[1, 2, 3, 4, 5, 6, 7]"}, "ck_decks_cards"),
        ({"cards": "[1, 2, 3, 4, 5, 6, 7, 8, 9]"}, "ck_decks_cards"),
        ({"cards": '"eight of them"'}, "ck_decks_cards"),
        ({"cards": '{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8}'}, "ck_decks_cards"),
        ({"cards": "[1, 2, 3"}, r"ck_decks_cards|Invalid JSON|decks.cards|malformed JSON"),
        ({"cards": None}, r"NOT NULL|cannot be null"),
        ({"evolution_slots": "[1, 2, 3]"}, "ck_decks_evolution_slots"),
        ({"evolution_slots": "1"}, "ck_decks_evolution_slots"),
        ({"average_elixir": 10.5}, "ck_decks_average_elixir"),
        ({"average_elixir": -1}, "ck_decks_average_elixir"),
        ({"name": ""}, "ck_decks_name"),
        ({"user_id": 99}, r"fk_decks_user_id_users|FOREIGN KEY"),
    ],
)
def test_decks_that_cannot_be_are_refused(database: DatabaseURL, values: dict[str, Any], constraint: str) -> None:
    refused(constraint, lambda: add_deck(database, **values))
    assert select(database, "SELECT count(*) FROM decks") == [(0,)]


@pytest.mark.parametrize("slots", ["[]", "[1]", "[1, 2]"])
def test_a_deck_has_up_to_two_evolutions(database: DatabaseURL, slots: str) -> None:
    add_deck(database, evolution_slots=slots)


def test_an_owner_has_one_deck_of_a_name(database: DatabaseURL) -> None:
    add_user(database, "Bo", "bo@example.com")
    add_deck(database)
    add_deck(database, id=2, user_id=2)
    refused(r"UNIQUE|Duplicate entry", lambda: add_deck(database, id=3))


def test_decks_go_with_their_owner(database: DatabaseURL) -> None:
    add_deck(database)
    change(database, "DELETE FROM users WHERE id = 1")
    assert select(database, "SELECT count(*) FROM decks") == [(0,)]


@pytest.mark.parametrize(
    "values",
    [
        {"elixir_cost": 11},
        {"elixir_cost": -1},
        {"rarity": "common"},
        {"rarity": "Mythic"},
        {"type": "Hero"},
        {"type": "spell"},
        {"name": ""},
        {"arena": -1},
        {"has_evolution": 2},
    ],
)
def test_cards_that_cannot_be_are_refused(database: DatabaseURL, values: dict[str, Any]) -> None:
    refused("ck_cards_cache_" + next(iter(values)), lambda: add_card(database, **values))


def test_a_card_is_there_once(database: DatabaseURL) -> None:
    add_card(database)
    assert select(database, "SELECT has_evolution, image_url FROM cards_cache") == [(0, None)]
    refused(r"UNIQUE|Duplicate entry", lambda: add_card(database))


def test_the_servers_tables_are_transactional_and_take_all_of_unicode(server_url: DatabaseURL) -> None:
    migrator(server_url).upgrade()
    found = select(
        server_url,
        "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()",
    )
    assert {row for row in found if row[0] in TABLES} == {(name, "InnoDB", "utf8mb4_unicode_ci") for name in TABLES}


def refused(pattern: str, call: Any) -> None:
    with pytest.raises(DatabaseError) as caught:
        call()
    assert re.search(pattern, caught.value.message), caught.value.message
