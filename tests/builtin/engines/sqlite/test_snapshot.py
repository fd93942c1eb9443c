from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError, LockedError
from deckinfra.testing import MemorySnapshot
from tests.builtin.engines.sqlite.support import beside, engine_of, fill, marker, process, restore, run, taken
from tests.support.sqlite import logical_content

WRITER = """
import sqlite3, sys, threading
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
print("ready", flush=True)
while not stop.is_set():
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE one SET n = n + 1")
    connection.execute("INSERT INTO log SELECT n, randomblob(300) FROM one")
    connection.execute("UPDATE two SET n = n + 1")
    connection.execute("COMMIT")
connection.close()
"""


def written(snapshot: MemorySnapshot, path: Path) -> Path:
    """Write what a snapshot holds to a file, as anybody could."""
    (part,) = snapshot.parts
    path.write_bytes(b"".join(snapshot.read(part)))
    return path


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_snapshot_is_consistent_while_another_process_writes(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    run(
        live,
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE one (n)",
        "CREATE TABLE two (n)",
        "CREATE TABLE log (n, noise)",
        "INSERT INTO one VALUES (0)",
        "INSERT INTO two VALUES (0)",
    )
    found = []
    with process(WRITER, live):
        for number in range(6):
            with engine_of(live, patience=30).snapshot() as snapshot:
                copy = written(MemorySnapshot.of(snapshot), tmp_path / f"{number}.db")
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                ((one, two, logged),) = connection.execute(
                    "SELECT (SELECT n FROM one), (SELECT n FROM two), (SELECT count(*) FROM log)"
                )
            assert one == two == logged
            found.append(one)
    assert found == sorted(found)
    assert found[0] < found[-1]
    assert beside(live) == []


def test_pages_that_did_not_change_stay_in_the_same_chunks(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", rows=10_000)
    before = taken(live)
    run(live, "UPDATE t SET marker = 'new' WHERE n = 5000")
    after = taken(live)
    ((old,), (new,)) = before.contents.values(), after.contents.values()
    assert len(old) == len(new) > 10
    # The row's page, and the first page with its change counter.
    assert sum(one != other for one, other in zip(old, new, strict=True)) <= 2


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no database at") as caught, engine_of(tmp_path / "no").snapshot():
        pass
    assert "invoke db.migrate" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"this is no database at all", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    live = tmp_path / "app.db"
    live.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"app\.db: file is not a database") as caught, engine_of(live).snapshot():
        pass
    assert "Is DATABASE_URL right?" in caught.value.hint
    assert live.read_bytes() == content
    assert beside(live) == []


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="unable to open database file"), engine_of(tmp_path).snapshot():
        pass


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    live.write_bytes(b"")
    snapshot = taken(live)
    assert [fact for fact in snapshot.facts if fact.kind == "table"] == []
    other = tmp_path / "other.db"
    fill(other, "old")
    restore(other, snapshot)
    assert logical_content(other) == {"schema": []}


@pytest.mark.parametrize("size", [100, 4096, 9000, 40960])
def test_a_file_that_was_cut_short(tmp_path: Path, size: int) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    content = live.read_bytes()
    live.write_bytes(content[:size])
    with pytest.raises(DatabaseError, match=r"app\.db") as caught, engine_of(live).snapshot():
        pass
    assert "restore" in caught.value.hint
    assert live.read_bytes() == content[:size]
    assert beside(live) == []


@pytest.mark.parametrize("page", [0, 1, 10])
def test_a_database_with_a_damaged_page_is_not_backed_up(tmp_path: Path, page: int) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    content = bytearray(live.read_bytes())
    begin = page * 4096 or 100  # after the header of the file, or of the page
    content[begin : begin + 2000] = b"\xa5" * 2000
    live.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"app\.db( is damaged)?: ") as caught, engine_of(live).snapshot():
        pass
    assert "snapshot-" not in caught.value.message
    assert caught.value.hint
    assert beside(live) == []


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_a_writer_that_died_left_is_rolled_back(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", mode=mode, rows=3000)
    script = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN")
connection.execute("UPDATE t SET marker = 'half-way'")
print("ready", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""
    with process(script, live):
        pass
    assert live.with_name(f"app.db-{'journal' if mode == 'delete' else 'wal'}").stat().st_size > 0
    copy = written(taken(live), tmp_path / "copy.db")
    assert marker(copy) == "old"


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_is_kept_busy(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", mode=mode)
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE t SET marker = 'new'")
print("ready", flush=True)
sys.stdin.read()
"""
    with process(script, live):
        with pytest.raises(LockedError, match="is kept busy by another process") as caught, engine_of(live).snapshot():
            pass
        assert "Waited 0.3 s" in caught.value.hint
        assert beside(live) == []
    with engine_of(live).snapshot():
        pass


def test_a_lock_taken_in_the_middle_of_the_copy_is_waited_for(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""
    with process(script, live) as child:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
        with engine_of(live, patience=20).snapshot() as snapshot:
            assert snapshot.size > 0


def test_a_link_stands_for_what_it_points_to(tmp_path: Path) -> None:
    real = tmp_path / "real" / "app.db"
    real.parent.mkdir()
    fill(real, "old")
    link = tmp_path / "link.db"
    link.symlink_to(real)
    assert taken(link).contents == taken(real).contents
    with engine_of(link).lock("test", timeout=0), pytest.raises(LockedError), engine_of(real).lock("x", timeout=0):
        pass
    assert not (tmp_path / "link.db-deckinfra").exists()


def test_the_facts_count_whatever_there_is(tmp_path: Path) -> None:
    live = tmp_path / 'dätabase of "it\'s" 100% #1?.db'
    run(
        live,
        "CREATE TABLE parent (n INTEGER PRIMARY KEY)",
        'CREATE TABLE "a \'b\' ""c"" ü" (n INTEGER REFERENCES parent)',
        'INSERT INTO "a \'b\' ""c"" ü" VALUES (1), (2), (3)',
        "INSERT INTO parent VALUES (1)",
        'CREATE TABLE "select" (k TEXT PRIMARY KEY, v) WITHOUT ROWID',
        "INSERT INTO \"select\" VALUES ('x', 1)",
        "CREATE TABLE computed (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED, c AS (a + 1))",
        "INSERT INTO computed (a) VALUES (1), (2)",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "INSERT INTO words VALUES ('ein Wort')",
        "CREATE TABLE counted (n INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('0002'), ('0001b')",
        "CREATE VIEW seen AS SELECT * FROM gone",
    )
    with engine_of(live).snapshot() as snapshot:
        assert snapshot.revisions == ("0001b", "0002")
        assert json.loads(json.dumps(dict(snapshot.details))) == {
            "sqlite": sqlite3.sqlite_version,
            "page_size": 4096,
        }
        source = MemorySnapshot.of(snapshot)
    rows = {fact.name: fact.rows for fact in source.facts if fact.kind == "table"}
    assert rows["a 'b' \"c\" ü"] == 3
    assert rows["select"] == 1
    assert rows["computed"] == 2
    assert rows["counted"] == 0
    assert "words" not in rows
    assert rows["words_content"] == 1
    assert Facts("broken references", "main", rows=2) in source.facts
    other = tmp_path / "other.db"
    restore(other, source)
    assert logical_content(other) == logical_content(live)


def test_a_foreign_key_to_no_usable_one_is_no_obstacle(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    run(live, "CREATE TABLE p (a)", "CREATE TABLE c (a REFERENCES p (a))", "INSERT INTO c VALUES (1)")
    source = taken(live)
    assert Facts("broken references", "main", rows=None) in source.facts
    restore(tmp_path / "other.db", source)
    assert logical_content(tmp_path / "other.db") == logical_content(live)


def test_what_only_the_application_knows_is_no_obstacle(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.create_function("own", 1, lambda value: value, deterministic=True)
        connection.create_collation("own", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE plain (a)")
        connection.execute("CREATE TABLE checked (a CHECK (own(a) > 0), b AS (own(a)))")
        connection.execute("CREATE TABLE indexed (a)")
        connection.execute("CREATE INDEX by_function ON indexed (own(a))")
        connection.execute("CREATE TABLE sorted (a TEXT COLLATE own PRIMARY KEY, b) WITHOUT ROWID")
        for table in ("checked (a)", "indexed (a)", "sorted (a)", "plain (a)"):
            connection.execute(f"INSERT INTO {table} VALUES (1), (2)")
    source = taken(live)
    rows = {fact.name: fact.rows for fact in source.facts if fact.kind == "table"}
    assert rows == {"checked": 2, "indexed": 2, "plain": 2, "sorted": None}
    other = tmp_path / "other.db"
    restore(other, source)
    assert other.read_bytes() == b"".join(source.read(source.parts[0]))


@pytest.mark.parametrize(
    ("damage", "told"), [(b"\x0d\x00\x00\x00\x07\x00\x10", "is damaged: "), (b"\xa5" * 4096, "malformed")]
)
def test_damage_is_found_beside_what_only_the_application_knows(tmp_path: Path, damage: bytes, told: str) -> None:
    live = tmp_path / "app.db"
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.create_collation("own", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE sorted (a COLLATE own)")
        connection.execute("CREATE INDEX by_own ON sorted (a)")
        connection.execute("CREATE TABLE plain (a)")
        connection.executemany("INSERT INTO plain VALUES (?)", [("x" * 500,) for _ in range(100)])
    content = bytearray(live.read_bytes())
    begin = len(content) - 4096
    content[begin : begin + len(damage)] = damage
    live.write_bytes(content)
    with pytest.raises(DatabaseError, match=told), engine_of(live).snapshot():
        pass


def test_rows_that_break_a_check_are_backed_up(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    run(live, "PRAGMA ignore_check_constraints = ON", "CREATE TABLE t (a CHECK (a > 0))", "INSERT INTO t VALUES (-1)")
    restore(tmp_path / "other.db", taken(live))
    assert logical_content(tmp_path / "other.db") == logical_content(live)


def test_a_virtual_table_of_an_unknown_kind_is_no_obstacle(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    run(
        live,
        "PRAGMA writable_schema = ON",
        "CREATE TABLE t (a)",
        "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING unheard_of(x)')",
    )
    source = taken(live)
    assert "v" not in {fact.name for fact in source.facts}
    restore(tmp_path / "other.db", source)


def test_the_snapshot_is_gone_when_it_is_done(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    engine = engine_of(live)
    with engine.snapshot():
        assert [name.partition("-")[0] for name in beside(live)] == ["snapshot"]
        with engine.lock("test", timeout=0):
            assert list(engine.recover()) == []
    assert beside(live) == []
    shutil.rmtree(tmp_path / "app.db-deckinfra")
    with engine.snapshot() as snapshot:
        assert snapshot.size == live.stat().st_size
