"""Backups: everything stored, then published; and what is published is whole."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import deckinfra
from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.manifest import SNAPSHOT_ID, Facts, Origin, format_time
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, LockedError, StoreError
from deckinfra.repository import Repository
from deckinfra.repository.layout import LOCKS, SNAPSHOTS, snapshot_name
from deckinfra.services.backup import now, snapshot_id
from deckinfra.system.files import TEMPORARY
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter
from tests.repository.support import NOON, contents_of, objects, open_repository

from .support import CARDS, execute, taken

DIE = """
import os, signal, sys
from pathlib import Path
from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.urls import DatabaseURL
from deckinfra.testing import FaultyStore
from tests.repository.support import open_repository
from tests.services.support import taken

class Deadly(FaultyStore):
    def put(self, name, data, *, overwrite=True):
        super().put(name, data, overwrite=overwrite)
        if sum(method == "put" for method, _ in self.calls) >= 5:  # two threads put
            (Path(sys.argv[2]) / ".tmp-half").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)

engine = SqliteEngine(DatabaseURL.parse("sqlite:///" + sys.argv[1]))
taken(engine, open_repository(Deadly(DirectoryStore(Path(sys.argv[2])))))
"""


def test_a_manifest_tells_what_when_and_from_where(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    manifest = taken(engine, repository, clock=lambda: NOON)
    assert SNAPSHOT_ID.match(manifest.id)
    assert manifest.id.startswith("20261122T120000Z-000")
    assert (manifest.time, manifest.origin, manifest.engine) == (NOON, Origin("deck", "local"), "sqlite")
    assert manifest.database == f"sqlite:///{live}"
    assert (manifest.host, manifest.tool) == (socket.gethostname(), f"deckinfra {deckinfra.__version__}")
    assert Facts("table", "cards", rows=CARDS) in manifest.facts
    assert manifest.size == live.stat().st_size
    assert repository.snapshots.read(manifest.id).document() == manifest.document()


def test_what_is_stored_is_the_file_but_for_its_header(
    engine: SqliteEngine, live: Path, repository: Repository
) -> None:
    manifest = taken(engine, repository)
    stored = b"".join(contents_of(repository, manifest)["main"])
    assert stored[100:] == live.read_bytes()[100:]
    assert stored[:16] == b"SQLite format 3\0"


def test_a_second_backup_of_the_same_data_stores_nothing(engine: SqliteEngine, repository: Repository) -> None:
    first = taken(engine, repository)
    second = taken(engine, repository)
    assert first.added_objects == len(objects(repository.store))
    assert (second.added_objects, second.added_bytes) == (0, 0)
    assert repository.snapshots.ids() == [second.id, first.id]


def test_one_row_that_changed_stores_one_chunk_and_the_list(
    engine: SqliteEngine, live: Path, repository: Repository
) -> None:
    taken(engine, repository)
    execute(live, "UPDATE cards SET art = zeroblob(50000) WHERE id = 20")
    assert 2 <= taken(engine, repository).added_objects <= 3 + 1  # its pages, page 1, and the list


def test_progress_and_what_is_given_back_agree(
    engine: SqliteEngine, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = taken(engine, repository)
    (shown,) = reporter.shown
    assert (shown.label, shown.total, shown.done) == ("back up", manifest.size, manifest.size)


def test_ids_of_one_second_sort_by_time() -> None:
    moments = [NOON + timedelta(milliseconds=step) for step in range(0, 1000, 7)]
    ids = [snapshot_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert all(SNAPSHOT_ID.match(identity) for identity in ids)
    assert len({snapshot_id(NOON) for _ in range(100)}) > 90


def test_ids_are_in_utc() -> None:
    east = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert snapshot_id(east).startswith("20251231T230000Z-000")


def test_the_clock_gives_the_time_with_its_zone() -> None:
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=10)


def test_the_latest_of_one_second_is_the_latest(engine: SqliteEngine, repository: Repository) -> None:
    made = [taken(engine, repository).id for _ in range(3)]
    assert repository.snapshots.resolve("latest", Origin("deck", "local")) == made[-1]


def test_a_backup_is_the_latest_even_when_the_clock_was_set_back(
    engine: SqliteEngine, repository: Repository, reporter: RecordingReporter
) -> None:
    future = taken(engine, repository, clock=lambda: NOON + timedelta(days=1))
    assert reporter.warnings == []
    manifest = taken(engine, repository, clock=lambda: NOON)
    assert repository.snapshots.ids() == [manifest.id, future.id]
    assert manifest.time == future.time + timedelta(seconds=1)
    (warning,) = reporter.warnings
    assert "is from the future: is the clock right here?" in warning


def test_a_backup_whose_lock_was_lost_as_it_was_published_is_withdrawn(engine: SqliteEngine) -> None:
    class Overtaken(MemoryStore):
        """A store in which the lock is gone when the manifest is there."""

        def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
            super().put(name, data, overwrite=overwrite)
            if name.startswith(SNAPSHOTS):
                for lock in list(self.list(LOCKS)):
                    self.delete(lock.name)

    repository = open_repository(Overtaken())
    with pytest.raises(LockedError, match="was lost while the work went on"):
        taken(engine, repository)
    assert repository.snapshots.ids() == []


def _emptied(reporter: RecordingReporter) -> list[str]:
    found = [text for text in reporter.warnings if "no row" in text]
    reporter.events.clear()
    return found


def test_backups_of_a_database_that_was_emptied_are_warned_of_until_it_has_rows_again(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    full = taken(engine, repository)
    execute(live, "DELETE FROM cards")
    for _ in range(3):
        manifest = taken(engine, repository)
        (said,) = _emptied(reporter)
        assert said == (
            f"snapshot {manifest.id} has no row of table 'cards', and an earlier one, {full.id} of "
            f"{format_time(full.time)}, has {CARDS}: is that meant?"
        )
    damaged = repository.snapshots.ids()[0]
    repository.store.put(snapshot_name(damaged), b"not JSON")
    taken(engine, repository)
    assert len(_emptied(reporter)) == 1, "whatever became of another snapshot"
    taken(engine, repository, environment="test")
    execute(live, "INSERT INTO cards (name) VALUES ('one')")
    taken(engine, repository)
    assert _emptied(reporter) == []


def test_one_table_that_was_emptied_is_warned_of_once(
    engine: SqliteEngine, live: Path, repository: Repository, reporter: RecordingReporter
) -> None:
    execute(live, "CREATE TABLE users (id INTEGER PRIMARY KEY)")
    taken(engine, repository)
    execute(live, "INSERT INTO users VALUES (1), (2)")
    last = taken(engine, repository)
    assert _emptied(reporter) == []
    execute(live, "DELETE FROM users")
    taken(engine, repository)
    (said,) = _emptied(reporter)
    assert f"has no row of table 'users', and an earlier one, {last.id} of " in said
    taken(engine, repository)
    assert _emptied(reporter) == [], "it may be a queue that is worked off"


def test_where_there_is_no_database_there_is_no_backup(tmp_path: Path, repository: Repository) -> None:
    missing = SqliteEngine(DatabaseURL.parse(f"sqlite:///{tmp_path}/missing.db"))
    with pytest.raises(DatabaseError, match="there is no database at"):
        taken(missing, repository)
    assert list(repository.store.list(SNAPSHOTS)) == []
    assert list(repository.store.list(LOCKS)) == []


@pytest.mark.parametrize("prefix", ["objects/", "snapshots/"])
def test_where_the_store_fails_nothing_is_published(
    engine: SqliteEngine, reporter: RecordingReporter, prefix: str
) -> None:
    faulty = FaultyStore(MemoryStore())
    repository = open_repository(faulty, reporter)
    faulty.fail("put", prefix=prefix)
    with pytest.raises(StoreError, match="was lost"):
        taken(engine, repository)
    assert (repository.snapshots.ids(), list(faulty.list(LOCKS))) == ([], [])
    assert taken(engine, repository).id in repository.snapshots.ids()


def test_where_its_lock_was_taken_away_nothing_is_published(engine: SqliteEngine, reporter: RecordingReporter) -> None:
    class Stealing(FaultyStore):
        def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
            super().put(name, data, overwrite=overwrite)
            if name.startswith("objects/"):
                for blob in list(self.list(LOCKS)):
                    self.delete(blob.name)

    repository = open_repository(Stealing(MemoryStore()), reporter)
    with pytest.raises(LockedError, match="was lost while the work went on"):
        taken(engine, repository)
    assert repository.snapshots.ids() == []


def test_the_database_may_be_written_meanwhile(engine: SqliteEngine, live: Path, reporter: RecordingReporter) -> None:
    """What is stored is the moment at which the backup began, and nobody waits for it."""

    class Writing(FaultyStore):
        def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
            if name.startswith("objects/"):
                execute(live, "DELETE FROM cards WHERE id = (SELECT max(id) FROM cards)")
            super().put(name, data, overwrite=overwrite)

    repository = open_repository(Writing(MemoryStore()), reporter, threads=1)
    manifest = taken(engine, repository)
    assert Facts("table", "cards", rows=CARDS) in manifest.facts


def test_a_backup_that_was_killed_leaves_no_snapshot_and_the_next_cleans_up(
    engine: SqliteEngine, live: Path, repository: Repository, folder: Path, reporter: RecordingReporter
) -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", DIE, str(live), str(folder)], cwd=root, timeout=60, check=False)
    assert ended.returncode == -9
    assert repository.snapshots.ids() == []
    stored = objects(repository.store)
    assert stored
    manifest = taken(engine, repository)
    assert manifest.added_objects == len(objects(repository.store)) - len(stored), "what was stored is used"
    assert reporter.notes[0].startswith("took away the lock of db.backup (process ")
    assert re.fullmatch(rf"removed \d unfinished writes? from file:{re.escape(str(folder))}", reporter.notes[1])
    assert any("which a backup that died left beside" in note for note in reporter.notes)
    assert [name for _, _, files in os.walk(folder) for name in files if name.startswith(TEMPORARY)] == []


def test_a_database_that_is_damaged_is_not_backed_up(engine: SqliteEngine, live: Path, repository: Repository) -> None:
    data = live.read_bytes()
    live.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatabaseError):
        taken(engine, repository)
    assert repository.snapshots.ids() == []
