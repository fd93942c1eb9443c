"""Drills: the proof that a snapshot restores, without touching anything that is live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.manifest import Origin
from deckinfra.errors import ChecksFailedError, DamagedError, LockedError, RefusedError, UnknownNameError
from deckinfra.ports import SmokeQuery
from deckinfra.repository import Repository
from deckinfra.repository.layout import object_name
from deckinfra.services.drill import drill
from deckinfra.services.results import DrillResult
from deckinfra.testing import RecordingReporter
from tests.repository.support import NOON, change, middle

from .support import execute, taken


def _drill(engine: SqliteEngine, repository: Repository, wanted: str = "latest", *queries: SmokeQuery) -> DrillResult:
    moment, here = NOON + timedelta(days=1, microseconds=9), Origin("deck", "local")
    return drill(
        engine, repository, wanted, here, repository.reporter, timeout=0, queries=queries, clock=lambda: moment
    )


def test_a_whole_snapshot_is_proven_and_the_live_database_left_alone(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = taken(engine, repository)
    execute(live, "DELETE FROM cards")
    before = live.read_bytes()
    result = _drill(engine, repository)
    assert (result.manifest.id, result.compared) == (manifest.id, manifest.facts)
    assert (result.proof.kind, result.proof.snapshot, result.proof.good) == ("drill", manifest.id, True)
    assert (result.proof.time, result.proof.objects) == (NOON + timedelta(days=1), manifest.parts[0].chunks + 1)
    (kept,) = repository.proofs.of(manifest.id)
    assert replace(kept, seconds=0) == replace(result.proof, seconds=0)
    assert (live.read_bytes(), list(engine.kept())) == (before, [])
    folder = live.with_name(f"{live.name}-deckinfra")
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert reporter.warnings == []


def test_the_proof_tells_what_was_compared_where_and_asked(engine: SqliteEngine, repository: Repository) -> None:
    taken(engine, repository)
    asked = _drill(engine, repository, "latest", SmokeQuery("named", "SELECT id FROM cards WHERE name IS NULL")).proof
    assert (asked.good, asked.queries, asked.failed, asked.rows) == (True, ("named",), (), 40)
    assert (asked.where, asked.compared) == (
        "beside the live database",
        {"broken references": 1, "file": 1, "table": 1},
    )
    assert replace(repository.proofs.of(asked.snapshot)[0], seconds=0) == replace(asked, seconds=0)


def test_data_that_is_not_right_fails_the_drill_of_a_snapshot_that_is_whole(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    execute(live, "UPDATE cards SET name = 'a secret of somebody' WHERE id = 7")
    manifest, before = taken(engine, repository), live.read_bytes()
    queries = (
        SmokeQuery("names", "SELECT id, name FROM cards WHERE name NOT LIKE 'card %'"),
        SmokeQuery("some", "SELECT id FROM cards", expects_rows=True),
        SmokeQuery("decks", "SELECT id FROM decks"),
        SmokeQuery("elsewhere", {"mysql": "SELECT nothing"}),
    )
    with pytest.raises(ChecksFailedError, match="restores, and 2 of 3 smoke queries failed: names, decks"):
        _drill(engine, repository, "latest", *queries)
    (proof,) = repository.proofs.of(manifest.id)
    assert (proof.good, proof.whole, proof.queries) == (False, True, ("names", "some", "decks"))
    assert proof.problems == (
        "smoke query 'names' gives 1 row that is wrong",
        "smoke query 'decks' could not be run: no such table: decks",
    )
    assert "a secret of somebody" not in str(proof.document())
    assert reporter.warnings == [f"{proof.problems[0]}: (7, 'a secret of somebody')", proof.problems[1]]
    assert live.read_bytes() == before
    assert [path.name for path in live.with_name(f"{live.name}-deckinfra").iterdir()] == ["lock"]


def test_a_damaged_snapshot_is_an_error_and_the_proof_of_that_is_kept(
    engine: SqliteEngine, live: Path, repository: Repository
) -> None:
    manifest = taken(engine, repository)
    entries = list(repository.reader(manifest).entries(manifest.parts[0]))
    change(repository.store, object_name(entries[2].identity), middle)
    before = live.read_bytes()
    with pytest.raises(DamagedError) as caught:
        _drill(engine, repository)
    (proof,) = repository.proofs.of(manifest.id)
    assert proof.problems == (caught.value.message,)
    assert live.read_bytes() == before


def test_a_snapshot_that_does_not_restore_to_what_it_saw_is_an_error(
    engine: SqliteEngine, repository: Repository
) -> None:
    manifest = taken(engine, repository)
    facts = tuple(replace(fact, rows=1) if fact.kind == "table" else fact for fact in manifest.facts)
    repository.snapshots.publish(replace(manifest, id="20991122T120000Z-00000001", facts=facts))
    with pytest.raises(DamagedError, match="has 40 rows instead of 1"):
        _drill(engine, repository)
    assert not repository.proofs.of("20991122T120000Z-00000001")[0].good


def test_what_cannot_be_drilled_here_proves_nothing(engine: SqliteEngine, repository: Repository) -> None:
    manifest = taken(engine, repository)
    repository.snapshots.publish(replace(manifest, id="20991122T120000Z-00000001", engine="mysql"))
    with pytest.raises(RefusedError, match="is of engine 'mysql'"):
        _drill(engine, repository)
    with pytest.raises(UnknownNameError):
        _drill(engine, repository, "19990101")
    assert repository.proofs.of("20991122T120000Z-00000001") == []


def test_while_somebody_else_is_at_the_database_it_waits_and_gives_up(
    engine: SqliteEngine, repository: Repository
) -> None:
    manifest = taken(engine, repository)
    with (
        SqliteEngine(engine.url).lock("db.migrate", timeout=0),
        pytest.raises(LockedError, match=r"is locked by db\.migrate"),
    ):
        _drill(engine, repository)
    assert repository.proofs.of(manifest.id) == []
