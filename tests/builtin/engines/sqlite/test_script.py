"""SQLite databases written as SQL and read again: exact, and with nothing that leads elsewhere."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DamagedError, DatabaseError, DeckinfraError, RefusedError
from deckinfra.testing.snapshots import MemorySnapshot

MAKE = """
PRAGMA encoding = 'UTF-16le'; PRAGMA page_size = 1024; PRAGMA user_version = 7; PRAGMA application_id = -9;
CREATE TABLE "a ""b x" (id INTEGER PRIMARY KEY AUTOINCREMENT, v, "made" AS (v || 'x'), "-- c;" TEXT DEFAULT ';');
CREATE TABLE bare (a TEXT PRIMARY KEY, b) WITHOUT ROWID;
CREATE TABLE log (what);
INSERT INTO "a ""b x" (v) VALUES (NULL), (1), (-9223372036854775808), (0.1), (1e308), (-9e999), (2.0), ('it''s;
-- x'), (X''), (X'00ff'), (''), (CAST(X'610062' AS TEXT)), ('ä🂡'), (9e999);
DELETE FROM "a ""b x" WHERE v = 9e999;
INSERT INTO bare VALUES ('x', 1);
CREATE INDEX i ON "a ""b x" (v) WHERE v IS NOT NULL;
CREATE VIEW w AS SELECT * FROM bare;
CREATE TRIGGER t AFTER INSERT ON bare BEGIN INSERT INTO log VALUES ('a; b'); END;
ANALYZE;
"""


def _engine(folder: Path) -> SqliteEngine:
    return SqliteEngine(DatabaseURL("sqlite", database=str(folder / "app.db")))


def _picture(path: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        # Bytes that are no text come back by their digits.
        made = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        rows = connection.execute(
            'SELECT id, typeof(v), hex(v), v, made, "-- c;" FROM "a ""b x" ORDER BY id'
        ).fetchall()
        others = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("bare", "log", "sqlite_stat1")]
        pragmas = [connection.execute(f"PRAGMA {name}").fetchall() for name in ("encoding", "user_version")]
        return made, rows, others, pragmas, connection.execute("SELECT * FROM sqlite_sequence").fetchall()


@pytest.fixture
def engine(tmp_path: Path) -> SqliteEngine:
    engine = _engine(tmp_path)
    with closing(sqlite3.connect(engine.url.database)) as connection:
        connection.executescript(MAKE)
    return engine


def _script(engine: SqliteEngine) -> bytes:
    with engine.snapshot() as snapshot:
        taken = MemorySnapshot.of(snapshot)
    return b"".join(engine.script(taken))


def _run(engine: SqliteEngine, script: bytes) -> None:
    with engine.lock("test", timeout=10), engine.shadow("test") as shadow:
        engine.run(shadow, iter([script[:10], script[10:]]))
        shadow.facts()
        engine.swap(shadow, "test")


def test_what_is_written_makes_the_same_again(engine: SqliteEngine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = _engine(tmp_path / "other")
    _run(other, _script(engine))
    assert _picture(other.url.database) == _picture(engine.url.database)


def test_sqlites_own_shell_loads_it_and_what_that_writes_comes_in(engine: SqliteEngine, tmp_path: Path) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("there is no sqlite3 here")
    loaded = str(tmp_path / "loaded.db")
    subprocess.run([shell, "-bail", loaded], input=_script(engine), check=True, timeout=60)
    assert _picture(loaded) == _picture(engine.url.database)
    with closing(sqlite3.connect(loaded)) as connection, connection:
        connection.execute("DROP INDEX i")
        connection.execute("DELETE FROM bare")
    dumped = subprocess.run([shell, loaded, ".dump bare log w"], capture_output=True, check=True, timeout=60).stdout
    _run(engine, dumped)
    with closing(sqlite3.connect(engine.url.database)) as connection:
        assert connection.execute("SELECT * FROM w").fetchall() == []


def test_pages_and_text_are_what_the_live_files_users_cannot_see_change(engine: SqliteEngine) -> None:
    with closing(sqlite3.connect(engine.url.database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _run(engine, b"BEGIN;\nCREATE TABLE only (n);\nCOMMIT;\n")
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("only",)]


@pytest.mark.parametrize(
    ("statement", "error", "message"),
    [
        ("ATTACH '{0}/evil.db' AS evil;", RefusedError, "line 2"),
        ("VACUUM INTO '{0}/evil.db';", RefusedError, "line 2"),
        ("PRAGMA writable_schema = ON;", RefusedError, "line 2"),
        ("PRAGMA journal_mode = WAL;", RefusedError, "line 2"),
        ("CREATE VIRTUAL TABLE v USING fts5(a);", RefusedError, "line 2"),
        ("SELECT load_extension('{0}/evil.so');", RefusedError, "line 2"),
        (".shell touch {0}/evil.db;", DatabaseError, "line 2"),
        ("SELECT 'a\nb' FROM nowhere;", DatabaseError, "line 2"),
        ("SELECT 'a;\n", DamagedError, "line 2"),
        ("SELECT '\xff';", RefusedError, "line 2 is no UTF-8"),
        ("BEGIN;\nCREATE TABLE t (n);", DamagedError, "no COMMIT"),
    ],
)
def test_what_does_not_belong_into_a_dump_is_refused_by_its_line(
    engine: SqliteEngine, tmp_path: Path, statement: str, error: type[DeckinfraError], message: str
) -> None:
    before = _picture(engine.url.database)
    with pytest.raises(error, match=message):
        _run(engine, f"-- one;\n{statement.format(tmp_path)}\n".encode("latin1"))
    assert _picture(engine.url.database) == before
    assert not (tmp_path / "evil.db").exists()


def test_a_virtual_table_is_not_written(engine: SqliteEngine) -> None:
    with closing(sqlite3.connect(engine.url.database)) as connection:
        connection.execute("CREATE VIRTUAL TABLE v USING fts5(a)")
    with pytest.raises(RefusedError, match="'v' is a virtual one"):
        _script(engine)
