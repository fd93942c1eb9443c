"""SQLite databases of all kinds, and an engine on one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.urls import DatabaseURL
from deckinfra.ports import Kept
from deckinfra.testing import MemorySnapshot

PATIENCE = 0.3


def engine_of(path: Path, *, patience: float = PATIENCE) -> SqliteEngine:
    """Open an engine on a file, which does not wait for long."""
    return SqliteEngine(DatabaseURL("sqlite", database=str(path)), patience=patience)


def run(path: Path, *statements: str) -> None:
    """Run statements in one transaction; pragmas among them come first, each by itself."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        for statement in statements:
            if statement.startswith(("PRAGMA", "VACUUM")):
                connection.execute(statement).fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            if not statement.startswith(("PRAGMA", "VACUUM")):
                connection.execute(statement)
        connection.execute("COMMIT")


def fill(path: Path, marker: str, *, mode: str = "delete", page_size: int = 4096, rows: int = 200) -> None:
    """Make a database in which ``marker`` stands."""
    values = ", ".join(f"({n}, '{marker}', '{'x' * 400}')" for n in range(rows))
    run(
        path,
        f"PRAGMA page_size = {page_size}",
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE t (n INTEGER PRIMARY KEY, marker TEXT, filling TEXT)",
        f"INSERT INTO t VALUES {values}",
    )


def marker(path: Path) -> str:
    """Give the marker of a database; an assertion fails if it has several, or is damaged."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ((found,),) = connection.execute("SELECT DISTINCT marker FROM t").fetchall()
        return str(found)


def pragma(path: Path, name: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def taken(path: Path) -> MemorySnapshot:
    """Take a snapshot of a database."""
    with engine_of(path).snapshot() as snapshot:
        return MemorySnapshot.of(snapshot)


def snapshot_of(folder: Path, marker: str, **more: Any) -> MemorySnapshot:
    """Take a snapshot of a database that is made for it."""
    path = folder / f"source of {marker}.db"
    fill(path, marker, **more)
    return taken(path)


def restore(path: Path, source: MemorySnapshot, *, patience: float = PATIENCE) -> Kept | None:
    """Restore a snapshot, as the service does."""
    engine = engine_of(path, patience=patience)
    with engine.lock("test", timeout=5):
        engine.recover()
        with engine.shadow("test") as shadow:
            shadow.load(source)
            assert list(shadow.facts()) == list(source.facts)
            return engine.swap(shadow, "replaced by a test")


def undo(path: Path) -> tuple[Kept, Kept | None]:
    engine = engine_of(path)
    with engine.lock("test", timeout=5):
        engine.recover()
        return engine.undo()


def recover(path: Path) -> list[str]:
    engine = engine_of(path)
    with engine.lock("test", timeout=5):
        return list(engine.recover())


def kept_files(path: Path) -> list[Path]:
    """Give the files of the kept states, newest first."""
    return [folder_of(path) / f"kept-{kept.id}.db" for kept in engine_of(path).kept()]


def folder_of(path: Path) -> Path:
    return path.resolve().with_name(f"{path.resolve().name}-deckinfra")


def beside(path: Path) -> list[str]:
    """Give what lies in the folder beside a database, but for the lock and whole kept states."""
    files = folder_of(path).glob("*")
    kept = {name for state in kept_files(path) for name in (state.name, state.with_suffix(".json").name)}
    return sorted(file.name for file in files if file.name != "lock" and file.name not in kept)


@contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a Python script in another process, that has said ``ready``; its input is closed in the end."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.stdin.close()
        try:
            child.wait(20)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


@contextmanager
def just_before(function: str, action: Callable[[], None], *, times: int = 1, skip: int = 0) -> Iterator[None]:
    """Let ``action`` happen ``times`` times as the function of that name is entered, after the first ``skip``."""
    left, passing = times, skip

    # The profiler's hook, since the tracer's is coverage's.
    def enter(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left, passing
        if left and event == "call" and frame.f_code.co_qualname == function:
            if passing:
                passing -= 1
                return
            left -= 1
            sys.setprofile(None)
            action()
            sys.setprofile(enter)

    sys.setprofile(enter)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert left == 0
