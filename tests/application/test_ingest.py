"""Cards brought into the database: what changes, what stays, and that it is all or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deckinfra import open_project
from deckinfra.app import App
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError, LockedError, UsageError
from tests.application.deck_builder import ANSWER, answers, module, serving
from tests.application.support import ROOT, card_facts, change, migrator, seeds, select

ingest = module("ingest")
cards = module("cards")
CardsError = module("errors").CardsError

ROWS = "SELECT * FROM cards_cache ORDER BY id"
KEY = "eyJ0eXAiOiJKV1Qi-not-a-real-key"
CARDS = cards.parse(ANSWER.read_bytes(), "here")


@pytest.fixture
def database(tmp_path: Path) -> DatabaseURL:
    """A SQLite database that does not exist yet, at a path that a URL can have."""
    return DatabaseURL("sqlite", database=str(tmp_path / "var" / "app.db"))


def environ(url: DatabaseURL, **more: str) -> dict[str, str]:
    return {"DATABASE_URL": str(url), "APP_SECRET_KEY": "only-for-this-test-0123456789abcdefghijklmnop", **more}


def opened(url: DatabaseURL, **more: str) -> App:
    """Open this project on another database, without its own settings."""
    return open_project(ROOT, "test", environ=environ(url, **more))


def write(path: Path, *changes: tuple[int, dict[str, Any]], items: int | None = None) -> str:
    """Write the answer with cards changed, or only the first of them, and give its path."""
    document = json.loads(ANSWER.read_bytes())
    for number, change_ in changes:
        document["items"][number] |= change_
    document["items"] = document["items"][:items]
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def counts(result: Any) -> tuple[int, int, int, int]:
    return result.added, result.changed, result.unchanged, result.unknown


def test_an_empty_table_is_filled_and_a_second_run_changes_nothing(any_url: DatabaseURL) -> None:
    migrator(any_url).upgrade()
    assert counts(ingest.store(any_url, CARDS, "here")) == (9, 0, 0, 0)
    before = select(any_url, ROWS)
    assert counts(ingest.store(any_url, CARDS, "here")) == (0, 0, 9, 0)
    assert select(any_url, ROWS) == before
    found = select(any_url, "SELECT name, elixir_cost, rarity, type, arena, has_evolution FROM cards_cache ORDER BY id")
    assert [tuple(row) for row in found][:2] == [
        ("Knight", 3, "Common", "Troop", 0, 1),
        ("P.E.K.K.A", 7, "Epic", "Troop", 6, 1),
    ]


def test_what_is_there_is_brought_up_to_date_and_the_rest_is_told_and_kept(any_url: DatabaseURL) -> None:
    migrator(any_url).upgrade()
    migrator(any_url).seed(seeds())
    change(any_url, "UPDATE cards_cache SET elixir_cost = 9, updated_at = '2020-01-01' WHERE name = 'Cannon'")
    change(any_url, "UPDATE cards_cache SET updated_at = '2020-01-01' WHERE name = 'Zap'")
    result = ingest.store(any_url, CARDS, "here")
    known = {int(card["id"]) for card in card_facts()}
    assert counts(result) == (2, 7, 0, len(known) - 7)
    assert result.unknown_names[0] == "Archers"
    assert len(select(any_url, ROWS)) == len(known) + 2
    cannon = "SELECT elixir_cost, updated_at > '2021-01-01', image_url FROM cards_cache WHERE name = 'Cannon'"
    picture = "https://api-assets.clashroyale.com/cards/300/27000000.png"
    assert select(any_url, cannon) == [(3, 1, picture)]
    assert select(any_url, "SELECT updated_at > '2021-01-01' FROM cards_cache WHERE name = 'Zap'") == [(0,)]


def test_what_the_api_does_not_tell_stays(database: DatabaseURL) -> None:
    migrator(database).upgrade()
    ingest.store(database, CARDS, "here")
    change(
        database,
        "UPDATE cards_cache SET arena = 21, has_evolution = 1, evolution_image_url = 'https://x/e' WHERE name = 'Monk'",
    )
    assert counts(ingest.store(database, CARDS, "here")) == (0, 0, 9, 0)
    found = select(database, "SELECT arena, has_evolution, evolution_image_url FROM cards_cache WHERE name = 'Monk'")
    assert found == [(21, 1, "https://x/e")]


def test_a_new_card_has_the_arena_that_the_seeds_know_else_none(database: DatabaseURL) -> None:
    migrator(database).upgrade()
    ingest.store(database, CARDS, "here")
    found = dict(select(database, "SELECT name, arena FROM cards_cache WHERE name IN ('Archer Queen', 'Monk')"))
    assert found == {"Archer Queen": 17, "Monk": 0}


def test_a_write_that_fails_takes_all_of_it_back(any_url: DatabaseURL) -> None:
    migrator(any_url).upgrade()
    change(
        any_url,
        "INSERT INTO cards_cache (id, name, elixir_cost, rarity, type, arena) "
        "VALUES (28000016, 'Heal', 3, 'Rare', 'Spell', 0)",
    )
    unsound = CARDS[0].model_copy(update={"id": 26000099, "elixir_cost": 11})
    with pytest.raises(DatabaseError, match="ck_cards_cache_elixir_cost"):
        ingest.store(any_url, (*CARDS, unsound), "here")
    assert select(any_url, "SELECT name FROM cards_cache") == [("Heal",)]


def test_a_file_needs_no_key(database: DatabaseURL) -> None:
    migrator(database).upgrade()
    assert counts(ingest.ingest(opened(database), str(ANSWER))) == (9, 0, 0, 0)


def test_the_api_is_asked_with_the_key_of_the_settings(database: DatabaseURL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    migrator(database).upgrade()
    with serving(answers(ANSWER.read_bytes())) as server:
        project = opened(database, CLASH_ROYALE_API_KEY=KEY, CLASH_ROYALE_API_URL=f"{server.url}/")
        result = ingest.ingest(project)
    assert (result.source, counts(result)) == (f"{server.url}/cards", (9, 0, 0, 0))
    assert [(path, headers["Authorization"]) for path, headers in server.requests] == [("/v1/cards", f"Bearer {KEY}")]


def test_without_a_key_it_is_told_how_to_get_one(database: DatabaseURL) -> None:
    with pytest.raises(ConfigurationError, match="CLASH_ROYALE_API_KEY is not set") as caught:
        ingest.ingest(opened(database))
    assert "https://developer.clashroyale.com" in caught.value.hint


@pytest.mark.parametrize("emptied", [False, True])
def test_without_a_table_it_is_told_to_migrate(any_url: DatabaseURL, emptied: bool) -> None:
    if emptied:
        migrator(any_url).upgrade()
        migrator(any_url).downgrade("base")
    with pytest.raises(DatabaseError, match="there is no table 'cards_cache'") as caught:
        ingest.store(any_url, CARDS, "here")
    assert "invoke db.migrate" in caught.value.hint


def test_one_wrong_card_leaves_the_table_as_it_is(database: DatabaseURL, tmp_path: Path) -> None:
    migrator(database).upgrade()
    with pytest.raises(CardsError, match="card 3, 'Princess': rarity: "):
        ingest.ingest(opened(database), write(tmp_path / "cards.json", (2, {"rarity": "Mythic"})))
    assert select(database, ROWS) == []


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_file_that_cannot_be_read_is_named(database: DatabaseURL, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        ingest.ingest(opened(database), str(tmp_path / name))


def test_a_file_that_is_too_large_is_not_read_to_its_end(database: DatabaseURL, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match="larger than 4 MiB"):
        ingest.ingest(opened(database), str(tmp_path / "huge"))


def test_nothing_is_written_while_somebody_else_has_the_databases_lock(database: DatabaseURL) -> None:
    migrator(database).upgrade()
    with opened(database).engine.lock("db.migrate", timeout=5):
        with pytest.raises(LockedError, match=r"db\.migrate"):
            ingest.ingest(opened(database), str(ANSWER), lock_timeout=0)
        assert select(database, ROWS) == []
    assert counts(ingest.ingest(opened(database), str(ANSWER), lock_timeout=0)) == (9, 0, 0, 0)


def test_the_task_prints_what_it_did(database: DatabaseURL, tmp_path: Path) -> None:
    migrator(database).upgrade()
    first = invoke(database, f"--file={write(tmp_path / 'a.json')}")
    assert (first.returncode, first.stdout) == (
        0,
        f"{tmp_path / 'a.json'}: 9 cards added, 0 changed, 0 as they were.\n",
    )
    fewer = invoke(database, f"--file={write(tmp_path / 'b.json', (0, {'elixirCost': 4}), items=7)}")
    assert fewer.stdout.splitlines() == [
        f"{tmp_path / 'b.json'}: 0 cards added, 1 changed, 6 as they were.",
        "Not in it, but in the database, where decks may have them: Heal Spirit, The Log.",
    ]
    again = invoke(database, f"--file={tmp_path / 'b.json'}", "--json")
    assert json.loads(again.stdout) == {
        "source": str(tmp_path / "b.json"),
        "added": 0,
        "changed": 0,
        "unchanged": 7,
        "unknown": 2,
        "unknown_names": ["Heal Spirit", "The Log"],
    }


def test_the_tasks_errors_show_no_key_and_end_with_their_codes(database: DatabaseURL) -> None:
    refusal = json.dumps({"reason": "accessDenied.invalidIp", "message": f"no access with {KEY}"}).encode()
    with serving(answers(refusal, 403)) as server:
        url = {"CLASH_ROYALE_API_KEY": KEY, "CLASH_ROYALE_API_URL": server.url}
        ended = invoke(database, "--debug", **url)
    assert ended.returncode == 3
    assert "from this machine's address" in ended.stderr
    assert KEY not in ended.stdout + ended.stderr
    assert invoke(database, f"--file={ROOT / 'setup.cfg'}").returncode == 20


def invoke(url: DatabaseURL, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the task in this project, on another database."""
    values = {name: value for name, value in os.environ.items() if not name.startswith(("DECKINFRA_", "CLASH_"))}
    command = [sys.executable, "-m", "invoke", "cards.ingest", "-e", "test", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=values | environ(url, **more) | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
