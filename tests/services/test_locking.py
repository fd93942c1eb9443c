"""The database's lock, and the clean-up behind those who died with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.errors import LockedError
from deckinfra.services.locking import clean_up, locked
from deckinfra.testing import RecordingReporter

DIE = """
import os, signal, sys
from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.urls import DatabaseURL
engine = SqliteEngine(DatabaseURL.parse("sqlite:///" + sys.argv[1]))
with engine.lock("db.restore", timeout=0), engine.shadow("db.restore"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _die_at_a_restore(live: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE, str(live)], timeout=60, check=False)


def test_where_nobody_died_nothing_is_said(engine: SqliteEngine, reporter: RecordingReporter) -> None:
    with locked(engine, "db.migrate", reporter, timeout=0):
        pass
    clean_up(engine, "db.backup", reporter)
    assert reporter.events == []


def test_who_comes_after_one_that_died_cleans_up_and_says_so(
    engine: SqliteEngine, live: Path, reporter: RecordingReporter
) -> None:
    _die_at_a_restore(live)
    with locked(engine, "db.migrate", reporter, timeout=0):
        died, removed = reporter.notes
    assert died.startswith("db.restore (process ")
    assert died.endswith(f"died at its work on {live}")
    assert removed.startswith("removed shadow-")
    clean_up(engine, "db.backup", reporter)
    assert len(reporter.events) == 2


def test_a_backup_cleans_up_unless_somebody_is_at_work(
    engine: SqliteEngine, live: Path, reporter: RecordingReporter
) -> None:
    _die_at_a_restore(live)
    with SqliteEngine(engine.url).lock("db.migrate", timeout=0):
        clean_up(engine, "db.backup", reporter)
        assert reporter.events == []
    clean_up(engine, "db.backup", reporter)
    assert len(reporter.notes) == 1


def test_who_waits_too_long_is_told_who_holds_it(engine: SqliteEngine, reporter: RecordingReporter) -> None:
    with (
        locked(engine, "db.migrate", reporter, timeout=0),
        pytest.raises(LockedError, match=r"is locked by db\.migrate"),
        locked(SqliteEngine(engine.url), "db.restore", reporter, timeout=0.1),
    ):
        pass
