"""A repository as a whole: opened, mended, listed, cleaned up, and read where nothing can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.documents import encode
from deckinfra.core.manifest import FORMAT
from deckinfra.core.proof import Listed, Proof
from deckinfra.errors import DamagedError, LockedError, RepositoryError, StoreError
from deckinfra.repository import Repository
from deckinfra.repository.layout import LOCKS, snapshot_name
from deckinfra.repository.locks import hold
from deckinfra.system.files import TEMPORARY
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter

from .support import NOON, change, contents_of, half, in_folder, middle, open_repository, publish

DATA = {"cards": [b"Knight", b"Archers"]}

DIE = """
import os, signal, sys
from pathlib import Path
from tests.repository.support import in_folder
folder = Path(sys.argv[1])
with in_folder(folder).shared("db.backup"):
    (folder / "objects").mkdir(exist_ok=True)
    (folder / "objects" / ".tmp-half").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _read_only(store: MemoryStore) -> FaultyStore:
    """Give the store as it is where nothing can be written."""
    faulty = FaultyStore(store)
    for method in ("put", "delete"):
        faulty.fail(method, times=None, error=StoreError("could not write to memory: it is not allowed"))
    return faulty


def _die_at_a_backup(folder: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", DIE, str(folder)], cwd=root, timeout=60, check=False)


def test_where_there_is_none_none_is_opened_unless_it_is_to_be_made(store: MemoryStore) -> None:
    with pytest.raises(RepositoryError, match="there is no backup repository at memory:") as caught:
        open_repository(store, create=False)
    assert "invoke db.backup" in caught.value.hint
    assert list(store.list()) == []
    made = open_repository(store)
    again = open_repository(store, create=False)
    assert (made.is_new, again.is_new, again.config) == (True, False, made.config)
    assert str(made) == "memory:"


def test_a_newer_repository_is_refused_and_left_alone(store: MemoryStore) -> None:
    store.put("config.json", encode({"format": FORMAT + 1}))
    before = store.get("config.json")
    with pytest.raises(RepositoryError, match=f"has format {FORMAT + 1}"):
        open_repository(store)
    assert [(blob.name, store.get(blob.name)) for blob in store.list()] == [("config.json", before)]


def test_a_config_that_is_gone_is_written_again_from_a_manifest(
    store: MemoryStore, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = publish(repository, DATA)
    before = store.get("config.json")
    store.delete("config.json")
    mended = open_repository(store, reporter, create=False)
    assert store.get("config.json") == before
    assert contents_of(mended, manifest) == DATA
    assert reporter.warnings == ["config.json was missing in memory:; it was written again from a manifest"]


def test_a_config_that_is_damaged_is_mended_once_it_is_moved_away(store: MemoryStore, repository: Repository) -> None:
    manifest = publish(repository, DATA)
    change(store, "config.json", middle)
    with pytest.raises(DamagedError, match=r"config\.json in memory:") as caught:
        open_repository(store)
    assert "Move it away" in caught.value.hint
    store.delete("config.json")
    assert contents_of(open_repository(store), manifest) == DATA


def test_a_config_that_is_gone_is_done_without_where_nothing_can_be_written(
    store: MemoryStore, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = publish(repository, DATA)
    store.delete("config.json")
    opened = open_repository(_read_only(store), reporter)
    assert contents_of(opened, manifest) == DATA
    (warning,) = reporter.warnings
    assert warning.startswith("config.json is missing in memory:, and a manifest's copy is used: could not write")


def test_without_a_config_and_a_whole_manifest_nothing_is_made_up(store: MemoryStore, repository: Repository) -> None:
    manifest = publish(repository, DATA)
    store.delete("config.json")
    change(store, snapshot_name(manifest.id), half)
    with pytest.raises(DamagedError, match=r"has lost its config\.json, and no manifest in it is whole"):
        open_repository(store)
    assert store.stat("config.json") is None


def test_snapshots_are_listed_newest_first_with_their_newest_proof(repository: Repository) -> None:
    older = publish(repository, DATA)
    newer = publish(repository, DATA, time=NOON + timedelta(days=1))
    bad = Proof(older.id, "verify", NOON, 1.0, "host", 2, ("it is gone",))
    good = Proof(older.id, "drill", NOON + timedelta(hours=1), 1.0, "host", 2)
    repository.record(bad)
    repository.record(good)
    assert repository.listed() == (Listed(newer, None), Listed(older, good))


def test_a_damaged_manifest_is_warned_of_and_the_others_are_listed(
    store: MemoryStore, repository: Repository, reporter: RecordingReporter
) -> None:
    older = publish(repository, DATA)
    newer = publish(repository, DATA, time=NOON + timedelta(days=1))
    change(store, snapshot_name(newer.id), half)
    assert [listed.manifest for listed in repository.listed()] == [older]
    (warning,) = reporter.warnings
    assert newer.id in warning


def test_a_snapshot_that_goes_while_they_are_listed_is_not_listed(store: MemoryStore, repository: Repository) -> None:
    class Vanishing(FaultyStore):
        def get(self, name: str) -> bytes:
            if name == snapshot_name(newer.id):
                self.delete(name)
            return super().get(name)

    older = publish(repository, DATA)
    newer = publish(repository, DATA, time=NOON + timedelta(days=1))
    assert [listed.manifest for listed in open_repository(Vanishing(store)).listed()] == [older]


def test_a_proof_that_cannot_be_kept_is_only_warned_of(
    store: MemoryStore, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = publish(repository, DATA)
    opened = open_repository(_read_only(store), reporter)
    opened.record(Proof(manifest.id, "verify", NOON, 1.0, "host", 2))
    (warning,) = reporter.warnings
    assert warning.startswith(f"the proof of snapshot {manifest.id} could not be kept: could not write")


def test_readers_share_and_prune_is_alone(repository: Repository) -> None:
    with repository.reading("db.restore"), repository.shared("db.backup"):
        assert len(list(repository.store.list(LOCKS))) == 2
        with pytest.raises(LockedError), repository.exclusive("db.prune", timeout=0):
            pass
    with repository.exclusive("db.prune", timeout=0):
        pass


def test_where_nothing_can_be_written_reading_goes_without_a_lock(
    store: MemoryStore, repository: Repository, reporter: RecordingReporter
) -> None:
    manifest = publish(repository, DATA)
    opened = open_repository(_read_only(store), reporter)
    with opened.reading("db.restore"):
        assert contents_of(opened, manifest) == DATA
    assert reporter.warnings == ["reading without a lock: could not write to memory: it is not allowed"]
    with pytest.raises(StoreError), opened.shared("db.backup"):
        pass


def test_an_error_of_the_store_while_reading_is_not_taken_for_a_missing_lock(
    repository: Repository, reporter: RecordingReporter
) -> None:
    with pytest.raises(StoreError, match="later"), repository.reading("db.restore"):
        raise StoreError("later")
    assert reporter.warnings == []


def test_the_next_one_cleans_up_after_a_writer_that_died_and_says_so(
    tmp_path: Path, reporter: RecordingReporter
) -> None:
    _die_at_a_backup(tmp_path)
    assert (tmp_path / "objects" / f"{TEMPORARY}half").exists()
    repository = in_folder(tmp_path, reporter)
    repository.clean("db.backup")
    took, removed = reporter.notes
    assert took.startswith("took away the lock of db.backup (process ")
    assert removed == f"removed 1 unfinished write from file:{tmp_path}"
    assert not (tmp_path / "objects" / f"{TEMPORARY}half").exists()
    assert list(DirectoryStore(tmp_path).list(LOCKS)) == []


def test_where_nobody_died_nothing_is_cleaned_up(tmp_path: Path, reporter: RecordingReporter) -> None:
    repository = in_folder(tmp_path, reporter)
    (tmp_path / f"{TEMPORARY}mine").write_bytes(b"being written")
    repository.clean("db.backup")
    assert (tmp_path / f"{TEMPORARY}mine").exists()
    assert reporter.events == []


def test_while_somebody_is_at_work_nothing_is_cleaned_up(tmp_path: Path, reporter: RecordingReporter) -> None:
    _die_at_a_backup(tmp_path)
    repository = in_folder(tmp_path, reporter)
    with hold(repository.store, "db.backup", exclusive=False, timeout=0, reporter=RecordingReporter()):
        repository.clean("db.backup")
    assert (tmp_path / "objects" / f"{TEMPORARY}half").exists()
    assert not any("removed" in note for note in reporter.notes)


def test_a_sweep_that_finds_nothing_says_nothing(repository: Repository, reporter: RecordingReporter) -> None:
    repository.sweep()
    assert reporter.events == []


def test_a_lock_of_this_live_process_is_left_where_it_is(repository: Repository, reporter: RecordingReporter) -> None:
    with repository.shared("db.backup"):
        repository.clean("db.backup")
        (blob,) = repository.store.list(LOCKS)
        assert str(os.getpid()).encode() in repository.store.get(blob.name)
