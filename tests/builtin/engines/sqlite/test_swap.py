from __future__ import annotations

import itertools
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.workspace import SIDECARS
from deckinfra.errors import DamagedError, DatabaseError, LockedError, UnknownNameError
from tests.builtin.engines.sqlite.support import (
    beside,
    engine_of,
    fill,
    folder_of,
    just_before,
    kept_files,
    marker,
    pragma,
    process,
    recover,
    restore,
    run,
    snapshot_of,
    taken,
    undo,
)
from tests.support.sqlite import logical_content

MODES = ("delete", "wal")


# Into a database that is there -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live_mode", "source_mode", "live_page", "source_page"),
    list(itertools.product(MODES, MODES, (512, 4096), (4096, 65536))),
)
def test_restored_undone_and_undone_again(
    tmp_path: Path, live_mode: str, source_mode: str, live_page: int, source_page: int
) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new", mode=source_mode, page_size=source_page, rows=500)
    fill(live, "old", mode=live_mode, page_size=live_page, rows=2000)
    inode, old = live.stat().st_ino, logical_content(live)
    kept = restore(live, source)
    assert kept is not None
    assert (kept.intact, kept.reason) == (True, "replaced by a test")
    assert marker(live) == "new"
    assert live.stat().st_ino == inode
    assert pragma(live, "page_size") == source_page
    (path,) = kept_files(live)
    assert logical_content(path) == old
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    put_back, now_kept = undo(live)
    assert put_back.id == kept.id
    assert now_kept is not None
    assert logical_content(live) == old
    assert [marker(file) for file in kept_files(live)] == ["new"]
    undo(live)
    assert marker(live) == "new"
    assert [logical_content(file) for file in kept_files(live)] == [old]
    assert beside(live) == []
    assert recover(live) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("old_rows", "new_rows"), [(10, 3000), (3000, 10)])
def test_whatever_the_sizes(tmp_path: Path, mode: str, old_rows: int, new_rows: int) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new", rows=new_rows)
    fill(live, "old", mode=mode, rows=old_rows)
    restore(live, source)
    assert marker(live) == "new"
    run(live, "INSERT INTO t VALUES (1000000, 'new', 'writable')", "VACUUM")
    assert beside(live) == []


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_database_goes_live_and_is_replaced(tmp_path: Path, mode: str) -> None:
    empty, live = tmp_path / "empty.db", tmp_path / "app.db"
    run(empty, f"PRAGMA journal_mode = {mode}")
    fill(live, "old", mode=mode)
    restore(live, taken(empty))
    assert logical_content(live) == {"schema": []}
    live.write_bytes(b"")
    undo(live)
    assert marker(live) == "old"
    assert beside(live) == []


def test_an_empty_database_that_vacuums_itself_goes_live(tmp_path: Path) -> None:
    empty, live = tmp_path / "empty.db", tmp_path / "app.db"
    run(empty, "PRAGMA auto_vacuum = FULL", "PRAGMA user_version = 7")
    fill(live, "old")
    restore(live, taken(empty))
    assert (logical_content(live), pragma(live, "user_version")) == ({"schema": []}, 7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tables", [0, 1])
def test_no_commit_is_lost_between_the_copy_and_the_swap(tmp_path: Path, mode: str, tables: int) -> None:
    """Whatever a busy writer was told is committed is live or kept, however coarse the file system's clock."""
    live, other = tmp_path / "app.db", tmp_path / "other.db"
    run(other, *["CREATE TABLE t (marker)"] * tables, "PRAGMA user_version = 1")
    source = taken(other)
    fill(live, "old", mode=mode)

    def commit() -> None:
        state = live.stat()
        run(live, "INSERT INTO t (marker) VALUES ('meanwhile')")
        os.utime(live, ns=(state.st_atime_ns, state.st_mtime_ns))

    with just_before("copy", commit, skip=1):
        restore(live, source)
    (kept,) = kept_files(live)
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT DISTINCT marker FROM t").fetchall() == [("old",), ("meanwhile",)]


@pytest.mark.parametrize("mode", MODES)
def test_connections_of_another_process_see_the_restored_data(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    fill(live, "old", mode=mode)
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT marker FROM t").fetchall()
print("ready", flush=True)
for _ in range(2):
    sys.stdin.readline()
    print(*connection.execute("SELECT DISTINCT marker FROM t").fetchone(), flush=True)
connection.execute("UPDATE t SET marker = 'written by it'")
"""
    with process(script, live) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        restore(live, source)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "new\n"
        undo(live)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "old\n"
    assert marker(live) == "written by it"


def test_another_page_size_needs_a_wal_database_for_itself(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new", page_size=1024)
    fill(live, "old", mode="wal")
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("SELECT * FROM t").fetchone()
        with pytest.raises(LockedError, match="the page size of") as caught:
            restore(live, source)
        assert "Stop the application" in caught.value.hint
        assert beside(live) == []
    assert marker(live) == "old"
    assert recover(live) == []
    restore(live, source)
    assert marker(live) == "new"


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT * FROM t").fetchone()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("mode", "statement"), [("delete", "BEGIN"), ("delete", "BEGIN IMMEDIATE"), ("wal", "BEGIN IMMEDIATE")]
)
def test_a_database_that_is_kept_busy(tmp_path: Path, mode: str, statement: str) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    fill(live, "old", mode=mode)
    with process(HOLDER, live, statement):
        with pytest.raises(LockedError, match=r"app\.db is kept busy by another process"):
            restore(live, source)
        assert beside(live) == []
        assert engine_of(live).kept() == []
        assert recover(live) == []
    assert marker(live) == "old"
    restore(live, source)
    assert marker(live) == "new"


def test_a_reader_does_not_keep_a_wal_database_busy(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    fill(live, "old", mode="wal")
    with closing(sqlite3.connect(live, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT DISTINCT marker FROM t").fetchall() == [("old",)]
        restore(live, source)
        assert reader.execute("SELECT DISTINCT marker FROM t").fetchall() == [("old",)]
        reader.execute("COMMIT")
        assert reader.execute("SELECT DISTINCT marker FROM t").fetchall() == [("new",)]


# Writers that do not stop -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_just_before_the_swap_is_kept(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    fill(live, "old", mode=mode)
    calls = itertools.count(1)

    def write() -> None:
        # The first copy is of the old state, when nobody can write; the second goes live.
        if next(calls) == 2:
            run(live, "UPDATE t SET marker = 'late'")

    with just_before("copy", write, times=4):
        restore(live, source)
    assert marker(live) == "new"
    assert [marker(path) for path in kept_files(live)] == ["late"]
    assert beside(live) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_database_that_is_written_to_every_time(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    fill(live, "old", mode=mode)
    calls = itertools.count(1)

    def write() -> None:
        call = next(calls)
        if call % 2 == 0:
            run(live, f"UPDATE t SET marker = 'late {call // 2}'")

    with just_before("copy", write, times=10), pytest.raises(LockedError, match="was written to each time") as caught:
        restore(live, source)
    assert "Stop what writes to it" in caught.value.hint
    assert marker(live) == "late 5"
    assert beside(live) == []
    assert engine_of(live).kept() == []
    assert recover(live) == []


@pytest.mark.parametrize("mode", MODES)
def test_nothing_that_was_committed_is_lost(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    source_path = tmp_path / "source.db"
    for path, n in ((live, 0), (source_path, 10_000_000)):
        run(path, f"PRAGMA journal_mode = {mode}", "CREATE TABLE t (n)", f"INSERT INTO t VALUES ({n})")
        run(path, "CREATE TABLE filling AS SELECT randomblob(100000) AS noise")
    source = taken(source_path)
    script = """
import sqlite3, sys, threading
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
print("ready", flush=True)
committed = []
while not stop.is_set():
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE t SET n = n + 1")
    ((n,),) = connection.execute("SELECT n FROM t")
    connection.execute("COMMIT")
    committed.append(n)
    stop.wait(0.001)
print(*committed, flush=True)
connection.close()
"""
    with process(script, live) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(20):
            try:
                kept = restore(live, source, patience=20)
                break
            except LockedError:
                continue
        assert kept is not None
        child.stdin.write("\n")
        child.stdin.flush()
        committed = [int(word) for word in child.stdout.readline().split()]
    before = [n for n in committed if n < 10_000_000]
    after = [n for n in committed if n > 10_000_000]
    assert committed == before + after
    (path,) = kept_files(live)
    with closing(sqlite3.connect(path)) as connection:
        # The last commit may have been in the kept state before the writer knew of it.
        ((n,),) = connection.execute("SELECT n FROM t")
    assert before == list(range(1, n + 1))
    assert after == list(range(10_000_001, 10_000_001 + len(after)))


# Where there is no database ------------------------------------------------------------------------


def test_where_there_is_none(tmp_path: Path) -> None:
    live = tmp_path / "new folder" / "app.db"
    assert restore(live, snapshot_of(tmp_path, "new")) is None
    assert marker(live) == "new"
    assert stat.S_IMODE(live.stat().st_mode) == 0o600
    assert live.stat().st_nlink == 1
    assert engine_of(live).kept() == []
    assert beside(live) == []


def test_what_is_left_of_a_database_that_is_gone_is_not_mixed_in(tmp_path: Path) -> None:
    live, other = tmp_path / "app.db", tmp_path / "other.db"
    source = snapshot_of(tmp_path, "new")
    fill(other, "other", mode="wal")
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("UPDATE t SET marker = 'left'")
        connection.commit()
        for suffix in SIDECARS:
            wal = tmp_path / "other.db-wal"
            live.with_name(live.name + suffix).write_bytes(wal.read_bytes())
    restore(live, source)
    assert not [suffix for suffix in SIDECARS if live.with_name(live.name + suffix).exists()]
    assert marker(live) == "new"
    # It may be the last of a database that was moved away for a moment.
    assert sorted(name.rpartition("-")[2] for name in beside(live)) == ["journal", "shm", "wal"]


def test_a_link_to_nothing_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "app.db"
    link.symlink_to(tmp_path / "real.db")
    restore(link, snapshot_of(tmp_path, "new"))
    assert link.is_symlink()
    assert marker(tmp_path / "real.db") == "new"


@pytest.mark.parametrize("function", ["link_exclusive", "_move_strays"])
def test_a_database_that_appears_meanwhile_is_not_touched(tmp_path: Path, function: str) -> None:
    live = tmp_path / "app.db"
    source = snapshot_of(tmp_path, "new")
    with (
        just_before(function, lambda: fill(live, "appeared", mode="wal")),
        pytest.raises(LockedError, match="a database appeared"),
    ):
        restore(live, source)
    assert marker(live) == "appeared"
    assert beside(live) == []
    assert recover(live) == []


# In place of what is no database -------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 9000, b"\0" * 5000])
def test_what_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    live = tmp_path / "app.db"
    live.write_bytes(content)
    live.chmod(0o640)
    kept = restore(live, snapshot_of(tmp_path, "new"))
    assert kept is not None
    assert not kept.intact
    assert kept.size == len(content)
    assert marker(live) == "new"
    assert stat.S_IMODE(live.stat().st_mode) == 0o640
    (path,) = kept_files(live)
    assert path.read_bytes() == content
    with pytest.raises(DatabaseError, match="was not a readable database") as caught:
        undo(live)
    assert str(path) in caught.value.message
    assert marker(live) == "new"


def test_a_database_that_was_cut_short_is_set_aside_with_what_belongs_to_it(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    content = live.read_bytes()[:10_000]
    live.write_bytes(content)
    shm = tmp_path / "app.db-shm"
    shm.write_bytes(b"belongs to it")
    kept = restore(live, snapshot_of(tmp_path, "new"))
    assert kept is not None
    assert kept.size == len(content) + len(b"belongs to it")
    assert not shm.exists()
    assert marker(live) == "new"
    with engine_of(live).lock("test", timeout=1):
        engine_of(live).discard(kept)
    assert list(folder_of(live).glob("kept-*")) == []


def test_a_damaged_page_does_not_keep_a_restore_from_going_live(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", rows=500)
    content = bytearray(live.read_bytes())
    content[40960:45056] = b"\xa5" * 4096
    live.write_bytes(content)
    restore(live, snapshot_of(tmp_path, "new"))
    assert marker(live) == "new"
    with pytest.raises(DatabaseError, match="is damaged: ") as caught:
        undo(live)
    assert "Nothing was changed" in caught.value.hint
    assert marker(live) == "new"


def test_a_kept_state_that_was_cut_short_does_not_go_live(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    restore(live, snapshot_of(tmp_path, "new"))
    (path,) = kept_files(live)
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(DatabaseError, match=path.name):
        undo(live)
    assert marker(live) == "new"
    assert len(kept_files(live)) == 1


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    live.mkdir()
    with pytest.raises(DatabaseError, match="unable to open"):
        restore(live, snapshot_of(tmp_path, "new"))
    assert live.is_dir()
    assert beside(live) == []


@pytest.mark.parametrize("present", [True, False])
def test_a_folder_beside_it_that_is_on_another_disk(tmp_path: Path, present: bool) -> None:
    disk = Path("/dev/shm")
    if not os.access(disk, os.W_OK) or disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk here")
    live = tmp_path / "app.db"
    other = disk / f"deckinfra-tests-{os.getpid()}"
    other.mkdir()
    try:
        folder_of(live).symlink_to(other)
        if present:
            live.write_bytes(b"no database")
        with pytest.raises(DatabaseError, match="cannot write beside the database"):
            restore(live, snapshot_of(tmp_path, "new"))
        assert (live.read_bytes() if present else live.exists()) == (b"no database" if present else False)
        assert beside(live) == []
        assert recover(live) == []
    finally:
        for file in other.iterdir():
            file.unlink()
        other.rmdir()


# Undo ----------------------------------------------------------------------------------------------


def test_undo_where_the_database_is_gone(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    restore(live, snapshot_of(tmp_path, "new"))
    live.unlink()
    _, kept = undo(live)
    assert kept is None
    assert marker(live) == "old"
    assert live.stat().st_nlink == 1
    assert engine_of(live).kept() == []
    assert beside(live) == []


def test_undo_in_place_of_what_is_no_database(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    restore(live, snapshot_of(tmp_path, "new"))
    live.write_bytes(b"no database")
    _, kept = undo(live)
    assert kept is not None
    assert not kept.intact
    assert marker(live) == "old"
    assert [path.read_bytes() for path in kept_files(live)] == [b"no database"]


def test_undo_without_anything_kept(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="kept an earlier state"):
        undo(tmp_path / "app.db")


def test_a_failed_undo_keeps_what_it_was_to_put_back(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    restore(live, snapshot_of(tmp_path, "new"))
    with process(HOLDER, live, "BEGIN"), pytest.raises(LockedError):
        undo(live)
    assert marker(live) == "new"
    assert [marker(path) for path in kept_files(live)] == ["old"]


# Interruptions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["begin", "copy", "_keep", "version", "settle"])
def test_ctrl_c_leaves_nothing_half_way(tmp_path: Path, function: str) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with just_before(function, interrupt), pytest.raises(KeyboardInterrupt):
        restore(live, snapshot_of(tmp_path, "new"))
    # Whether it came before or after the data went live, one or the other is there, whole.
    assert marker(live) == ("new" if function == "settle" else "old")
    assert len(engine_of(live).kept()) == (1 if function == "settle" else 0)
    assert beside(live) == []
    assert recover(live) == []


def test_a_shadow_that_is_not_consistent_is_damage(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", rows=500)
    content = bytearray(live.read_bytes())
    content[40960:45056] = b"\xa5" * 4096
    with engine_of(live).shadow("test") as shadow:
        shadow.path.write_bytes(content)
        with pytest.raises(DamagedError, match="the restored database is not consistent"):
            shadow.facts()
    assert beside(live) == []
