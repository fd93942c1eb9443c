"""Restores: loaded beside the live database, compared, swapped in one step; and never anything that is damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.manifest import Facts, Manifest, Origin
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DamagedError, LockedError, RefusedError, StoreError, UnknownNameError
from deckinfra.repository import Repository
from deckinfra.repository.layout import object_name, snapshot_name
from deckinfra.services.restore import compare, discard_kept, restore, undo_restore
from deckinfra.services.results import RestoreResult
from deckinfra.testing import FaultyStore, RecordingReporter
from tests.repository.support import change, half, middle, nothing, open_repository

from .support import CARDS, execute, names, taken


def _restore(
    engine: SqliteEngine,
    repository: Repository,
    wanted: str = "latest",
    *,
    environment: str = "local",
    before_swap: Callable[[Manifest], None] = lambda manifest: None,
) -> RestoreResult:
    return restore(
        engine, repository, wanted, Origin("deck", environment), repository.reporter, timeout=0, before_swap=before_swap
    )


def _beside(live: Path) -> list[str]:
    """Give what deckinfra left beside the database, but for its lock and what it keeps."""
    folder = live.with_name(f"{live.name}-deckinfra")
    return [path.name for path in folder.iterdir() if path.name != "lock" and not path.name.startswith("kept-")]


def test_what_was_backed_up_is_live_again_and_the_present_state_is_kept(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    before = names(live)
    manifest = taken(engine, repository)
    execute(live, "DELETE FROM cards WHERE id > 10")
    result = _restore(engine, repository)
    assert (result.manifest.id, names(live)) == (manifest.id, before)
    assert result.compared == manifest.facts
    assert result.kept is not None
    assert result.kept.reason == f"replaced by snapshot {manifest.id}"
    assert (reporter.shown[-1].label, reporter.shown[-1].done) == ("load", manifest.size)
    assert _beside(live) == []


def test_an_older_snapshot_is_restored_by_its_id(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    older = taken(engine, repository)
    execute(live, "DELETE FROM cards")
    taken(engine, repository)
    _restore(engine, repository, older.id)
    assert len(names(live)) == CARDS
    _restore(engine, repository)
    assert names(live) == []


def test_a_database_that_is_gone_comes_back_and_nothing_is_kept(
    engine: SqliteEngine, live: Path, repository: Repository
) -> None:
    taken(engine, repository)
    live.unlink()
    assert _restore(engine, repository).kept is None
    assert len(names(live)) == CARDS


def test_the_latest_is_that_of_the_environment(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    taken(engine, repository)
    execute(live, "DELETE FROM cards")
    taken(engine, repository, environment="production")
    _restore(engine, repository)
    assert len(names(live)) == CARDS
    with pytest.raises(UnknownNameError, match="no snapshot of environment 'test'"):
        _restore(engine, repository, environment="test")


@pytest.mark.parametrize("how", [middle, half, nothing, None])
@pytest.mark.parametrize("what", ["chunk", "last chunk", "list", "manifest"])
def test_a_damaged_snapshot_is_never_restored_over_live_data(
    engine: SqliteEngine,
    live: Path,
    repository: Repository,
    how: Callable[[bytes], bytes] | None,
    what: str,
) -> None:
    manifest = taken(engine, repository)
    entries = list(repository.reader(manifest).entries(manifest.parts[0]))
    name = {
        "chunk": object_name(entries[0].identity),
        "last chunk": object_name(entries[-1].identity),
        "list": object_name(manifest.parts[0].lists[0]),
        "manifest": snapshot_name(manifest.id),
    }[what]
    if how is None:
        repository.store.delete(name)
    else:
        change(repository.store, name, how)
    execute(live, "DELETE FROM cards WHERE id = 1")
    before = live.read_bytes()
    with pytest.raises((DamagedError, UnknownNameError)) as caught:
        _restore(engine, repository, "latest")
    assert live.read_bytes() == before
    assert caught.value.hint
    assert list(engine.kept()) == []
    assert not live.with_name(f"{live.name}-deckinfra").joinpath("journal.json").exists()
    assert _beside(live) == []


@pytest.mark.parametrize(
    ("change_facts", "told"),
    [
        (lambda facts: (*facts, Facts("table", "decks", rows=1)), "table 'decks' is missing"),
        (lambda facts: facts[:1], "table 'cards' was not there"),
        (
            lambda facts: tuple(replace(f, rows=7) if f.name == "cards" else f for f in facts),
            "has 40 rows instead of 7",
        ),
        (lambda facts: (replace(facts[0], checksum="00"), *facts[1:]), "file 'main' has another checksum"),
    ],
)
def test_what_differs_from_what_the_snapshot_saw_is_not_restored(
    engine: SqliteEngine,
    live: Path,
    repository: Repository,
    change_facts: Callable[[tuple[Facts, ...]], tuple[Facts, ...]],
    told: str,
) -> None:
    manifest = taken(engine, repository)
    forged = replace(manifest, id="20991122T120000Z-00000001", facts=change_facts(manifest.facts))
    repository.snapshots.publish(forged)
    before = live.read_bytes()
    with pytest.raises(DamagedError, match="is not what was backed up") as caught:
        _restore(engine, repository, forged.id)
    assert told in caught.value.message
    assert caught.value.hint.startswith("The live database was not touched.")
    assert live.read_bytes() == before


def test_a_snapshot_of_another_engine_is_refused(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    manifest = taken(engine, repository)
    repository.snapshots.publish(replace(manifest, id="20991122T120000Z-00000001", engine="mysql"))
    before = live.read_bytes()
    with pytest.raises(RefusedError, match=r"is of engine 'mysql', and sqlite:///.* needs one of 'sqlite'"):
        _restore(engine, repository)
    assert live.read_bytes() == before


def test_an_error_before_the_swap_stops_it(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    def veto(manifest: Manifest) -> None:
        raise RefusedError(f"not {manifest.id}")

    manifest = taken(engine, repository)
    before = live.read_bytes()
    with pytest.raises(RefusedError, match=f"not {manifest.id}"):
        _restore(engine, repository, before_swap=veto)
    assert (live.read_bytes(), list(engine.kept()), _beside(live)) == (before, [], [])


def test_while_somebody_else_is_at_the_database_it_is_left_alone(
    engine: SqliteEngine, live: Path, repository: Repository
) -> None:
    taken(engine, repository)
    before = live.read_bytes()
    with (
        SqliteEngine(engine.url).lock("db.migrate", timeout=0),
        pytest.raises(LockedError, match=r"is locked by db\.migrate"),
    ):
        _restore(engine, repository)
    assert live.read_bytes() == before


def test_it_works_from_where_nothing_can_be_written(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    taken(engine, repository)
    execute(live, "DELETE FROM cards")
    faulty = FaultyStore(repository.store)
    for method in ("put", "delete"):
        faulty.fail(method, times=None, error=StoreError("it is not allowed"))
    _restore(engine, open_repository(faulty, reporter))
    assert len(names(live)) == CARDS
    assert reporter.warnings == ["reading without a lock: it is not allowed"]


def test_a_restore_can_be_undone_and_the_undo_too(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    taken(engine, repository)
    execute(live, "DELETE FROM cards WHERE id > 5")
    kept = _restore(engine, repository).kept
    undone = undo_restore(engine, reporter, timeout=0)
    assert (undone.restored, len(names(live))) == (kept, 5)
    again = undo_restore(engine, reporter, timeout=0)
    assert (again.restored, len(names(live))) == (undone.kept, CARDS)


def test_without_a_restore_there_is_nothing_to_undo(engine: SqliteEngine, reporter: RecordingReporter) -> None:
    with pytest.raises(UnknownNameError):
        undo_restore(engine, reporter, timeout=0)


def test_a_kept_state_can_be_deleted_for_good(engine: SqliteEngine, repository: Repository) -> None:
    taken(engine, repository)
    kept = _restore(engine, repository).kept
    assert kept is not None
    with pytest.raises(UnknownNameError, match=f"unknown kept state '{kept.id}x'") as caught:
        discard_kept(engine, f"{kept.id}x", timeout=0)
    assert caught.value.hint == f"Did you mean '{kept.id}'? 'invoke db.kept' lists them."
    assert discard_kept(engine, kept.id, timeout=0) == kept
    assert list(engine.kept()) == []


def test_a_restore_into_another_place_leaves_the_first_alone(
    engine: SqliteEngine, live: Path, repository: Repository, tmp_path: Path
) -> None:
    taken(engine, repository)
    before = live.read_bytes()
    other = tmp_path / "other" / "copy.db"
    other.parent.mkdir()
    _restore(SqliteEngine(DatabaseURL.parse(f"sqlite:///{other}")), repository)
    assert names(other) == names(live)
    assert live.read_bytes() == before


@pytest.mark.parametrize(
    ("expected", "found", "differences"),
    [
        ([], [], []),
        ([Facts("table", "a", 1, "x")], [Facts("table", "a", 1, "x")], []),
        ([Facts("table", "a", 1)], [], ["table 'a' is missing"]),
        ([], [Facts("table", "a", 1)], ["table 'a' was not there"]),
        ([Facts("table", "a", 1)], [Facts("view", "a")], ["table 'a' is missing", "view 'a' was not there"]),
        ([Facts("table", "a", 1, "x")], [Facts("table", "a", 2, "y")], ["table 'a' has 2 rows instead of 1"]),
        ([Facts("table", "a", 1, "x")], [Facts("table", "a", 1, "y")], ["table 'a' has another checksum"]),
        ([Facts("table", "a", None)], [Facts("table", "a", 0)], ["table 'a' has 0 rows instead of None"]),
        (
            [Facts("table", "b", 1), Facts("table", "a", 1)],
            [Facts("table", "a", 1), Facts("table", "b", 1)],
            [],
        ),
    ],
)
def test_differences_are_told_in_words(expected: list[Facts], found: list[Facts], differences: list[str]) -> None:
    assert compare(expected, found) == differences
