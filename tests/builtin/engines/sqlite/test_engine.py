from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from deckinfra.builtin.engines import sqlite as plugin
from deckinfra.builtin.environments.local import LocalEnvironment
from deckinfra.core.settings import Settings, Stage
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, LockedError
from deckinfra.ports import DatabaseState
from tests.builtin.engines.sqlite.support import engine_of, fill, run


def test_a_relative_path_starts_at_the_root(tmp_path: Path) -> None:
    (factory,) = plugin.deckinfra_engines().values()
    environment = LocalEnvironment("test", tmp_path, Settings(Stage.TEST, {}, ()))
    engine = factory(DatabaseURL.parse("sqlite:///var/app.db"), tmp_path, environment)
    assert engine.url.database == str(tmp_path / "var" / "app.db")
    assert engine.name == "sqlite"


def test_the_state_of_what_is_there(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    assert engine_of(live).state() == DatabaseState(False, 0, (), sqlite3.sqlite_version)
    run(live, "CREATE TABLE b (x)", "CREATE TABLE a (x)", "CREATE TABLE alembic_version (version_num)")
    expected = DatabaseState(True, live.stat().st_size, ("a", "b"), sqlite3.sqlite_version)
    assert engine_of(live).state() == expected
    live.write_bytes(b"")
    assert engine_of(live).state() == DatabaseState(True, 0, (), sqlite3.sqlite_version)


def test_the_state_of_what_is_no_database(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    live.write_bytes(b"no database")
    with pytest.raises(DatabaseError, match="file is not a database"):
        engine_of(live).state()
    with pytest.raises(DatabaseError, match="is not a file"):
        engine_of(tmp_path).state()
    with pytest.raises(DatabaseError, match="cannot look at the database"):
        engine_of(tmp_path / ("x" * 300)).state()
    assert not engine_of(live / "below a file.db").state().exists


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    engine = engine_of(tmp_path / "file" / "app.db")
    with pytest.raises(DatabaseError, match="cannot write beside the database"), engine.lock("test", timeout=0):
        pass
    with pytest.raises(DatabaseError, match="cannot write beside the database"), engine.shadow("test"):
        pass


def test_a_lock_that_cannot_be_opened(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    (tmp_path / "app.db-deckinfra" / "lock").mkdir(parents=True)
    with pytest.raises(DatabaseError, match="cannot write beside"), engine_of(live).lock("test", timeout=0):
        pass


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    with (
        engine_of(live).lock("db.migrate", timeout=0) as died,
        pytest.raises(LockedError, match=r"is locked by db\.migrate \(process"),
        engine_of(live).lock("db.restore", timeout=0),
    ):
        pass
    assert died is None


def test_a_link_to_itself_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "app.db").symlink_to("app.db")
    with pytest.raises(DatabaseError, match="cannot be found"):
        engine_of(tmp_path / "app.db")
