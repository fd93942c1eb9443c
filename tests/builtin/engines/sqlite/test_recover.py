from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite import journal
from deckinfra.builtin.engines.sqlite.journal import OVERWRITE, PLACE, REPLACE, Entry
from deckinfra.builtin.engines.sqlite.workspace import Workspace
from deckinfra.errors import DamagedError, LockedError
from tests.builtin.engines.sqlite.support import (
    beside,
    engine_of,
    fill,
    folder_of,
    kept_files,
    marker,
    pragma,
    process,
    recover,
    restore,
    snapshot_of,
)

IDENTITY = "20261122T120000000000Z"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def died(live: Path, how: str, *, cookie: int = 0, source: str = "shadow-00000000.db") -> Entry:
    """Write the journal of a swap whose process died."""
    workspace = Workspace(live, 1)
    workspace.make()
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    entry = Entry(how, workspace.folder / source, IDENTITY, moment, "replaced by what died", cookie)
    journal.begin(workspace, entry)
    return entry


def kept_file(live: Path) -> Path:
    return folder_of(live) / f"kept-{IDENTITY}.db"


def test_nothing_to_do(live: Path) -> None:
    assert recover(live) == []
    fill(live, "old")
    assert recover(live) == []


def test_an_overwrite_that_had_not_gone_live(live: Path) -> None:
    fill(live, "old")
    entry = died(live, OVERWRITE, cookie=pragma(live, "schema_version"))
    fill(kept_file(live), "old")
    fill(entry.source, "new")
    first, second = recover(live)
    assert "before it went live was cleaned up; the database is as it was" in first
    assert second.startswith("removed shadow-00000000.db, which a restore or drill that died left beside")
    assert marker(live) == "old"
    assert beside(live) == []
    assert engine_of(live).kept() == []
    assert recover(live) == []


def test_an_overwrite_that_had_gone_live(live: Path) -> None:
    fill(live, "new")
    died(live, OVERWRITE, cookie=pragma(live, "schema_version") - 1)
    fill(kept_file(live), "old")
    (told,) = recover(live)
    assert "had gone live, to judge by the schema version; it was tidied up after" in told
    (state,) = engine_of(live).kept()
    assert (state.id, state.reason, state.intact) == (IDENTITY, "replaced by what died", True)
    assert [marker(path) for path in kept_files(live)] == ["old"]
    assert beside(live) == []


@pytest.mark.parametrize("rubbish", [None, b"no database"])
def test_an_overwrite_of_what_cannot_be_read_any_more(live: Path, rubbish: bytes | None) -> None:
    died(live, OVERWRITE)
    fill(kept_file(live), "old")
    if rubbish:
        live.write_bytes(rubbish)
    (told,) = recover(live)
    assert "the database cannot be read now; the state from before it is kept" in told
    assert [marker(path) for path in kept_files(live)] == ["old"]
    restore(live, snapshot_of(live.parent, "new"))
    assert marker(live) == "new"


def test_an_undo_of_what_cannot_be_read_any_more_loses_no_state(live: Path) -> None:
    fill(live, "old")
    restore(live, snapshot_of(live.parent, "new"))
    (source,) = kept_files(live)
    died(live, OVERWRITE, source=source.name)
    fill(kept_file(live), "new")
    live.write_bytes(b"no database")
    recover(live)
    assert sorted(marker(path) for path in kept_files(live)) == ["new", "old"]


def test_an_overwrite_of_a_database_that_is_busy_now(live: Path) -> None:
    fill(live, "old")
    entry = died(live, OVERWRITE, cookie=pragma(live, "schema_version"))
    fill(kept_file(live), "old")
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
sys.stdin.read()
"""
    with process(script, live), pytest.raises(LockedError):
        recover(live)
    assert (folder_of(live) / "journal.json").exists()
    assert not entry.source.exists()
    assert len(recover(live)) == 1


@pytest.mark.parametrize("linked", [True, False])
def test_a_replacement_that_had_not_gone_live(live: Path, linked: bool) -> None:
    live.write_bytes(b"no database")
    entry = died(live, REPLACE)
    fill(entry.source, "new")
    kept_file(live).with_name(f"{kept_file(live).name}-wal").write_bytes(b"of the old one")
    if linked:
        kept_file(live).hardlink_to(live)
    told = recover(live)
    assert "the database is as it was" in told[0]
    assert live.read_bytes() == b"no database"
    assert (live.parent / "app.db-wal").read_bytes() == b"of the old one"
    assert beside(live) == []
    assert engine_of(live).kept() == []


def test_a_replacement_that_had_gone_live(live: Path) -> None:
    fill(live, "new")
    died(live, REPLACE)
    kept_file(live).write_bytes(b"no database")
    (told,) = recover(live)
    assert "had gone live" in told
    (state,) = engine_of(live).kept()
    assert not state.intact
    assert state.size == len(b"no database")
    assert beside(live) == []


def test_a_placement_that_had_not_gone_live(live: Path) -> None:
    entry = died(live, PLACE)
    fill(entry.source, "new")
    told = recover(live)
    assert "the database is as it was" in told[0]
    assert not live.exists()
    assert beside(live) == []


@pytest.mark.parametrize("unlinked", [True, False])
def test_a_placement_that_had_gone_live(live: Path, unlinked: bool) -> None:
    fill(live, "new")
    entry = died(live, PLACE)
    if not unlinked:
        entry.source.hardlink_to(live)
    (told,) = recover(live)
    assert "had gone live" in told
    assert live.stat().st_nlink == 1
    assert marker(live) == "new"
    assert beside(live) == []
    assert engine_of(live).kept() == []


def test_an_undo_that_had_put_its_file_in_place_lists_it_no_more(live: Path) -> None:
    fill(live, "old")
    restore(live, snapshot_of(live.parent, "new"))
    (source,) = kept_files(live)
    live.unlink()
    live.hardlink_to(source)
    died(live, PLACE, source=source.name)
    recover(live)
    assert marker(live) == "old"
    assert live.stat().st_nlink == 1
    assert engine_of(live).kept() == []


def test_whatever_lies_about_is_removed_and_named(live: Path) -> None:
    fill(live, "old")
    folder = folder_of(live)
    recover(live)
    for name in (
        "snapshot-1.db",
        "snapshot-1.db-journal",
        "shadow-2.db",
        "kept-3.db",
        "kept-4.db-wal",
        ".tmp-0123456789abcdef",
    ):
        (folder / name).write_bytes(b"left")
    told = " ".join(recover(live))
    for name in ("snapshot-1.db", "shadow-2.db", "kept-3.db", "kept-4.db", ".tmp-0123456789abcdef"):
        assert f"removed {name}, which a " in told
    assert beside(live) == []
    assert recover(live) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"how": "overwrite"}'])
def test_a_journal_that_was_damaged_says_what_to_do(live: Path, content: bytes) -> None:
    fill(live, "old")
    recover(live)
    (folder_of(live) / "journal.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"journal\.json") as caught:
        recover(live)
    assert "delete that file" in caught.value.hint
    assert marker(live) == "old"


def test_a_kept_state_whose_document_was_damaged(live: Path) -> None:
    fill(live, "old")
    restore(live, snapshot_of(live.parent, "new"))
    (path,) = kept_files(live)
    path.with_suffix(".json").write_bytes(b"{}")
    with pytest.raises(DamagedError, match=path.with_suffix(".json").name):
        engine_of(live).kept()
    path.with_suffix(".json").unlink()
    path.with_suffix(".json").mkdir()
    with pytest.raises(DamagedError, match="cannot be read"):
        engine_of(live).kept()


def test_scratch_files_are_not_swept_from_under_those_who_make_them(live: Path) -> None:
    import threading

    workspace = Workspace(live, 1)
    workspace.make()
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            workspace.sweep("snapshot")

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(300):
            with workspace.scratch("snapshot") as path:
                assert path.exists()
    finally:
        stop.set()
        sweeper.join()
    assert list(workspace.folder.glob("snapshot-*")) == []
