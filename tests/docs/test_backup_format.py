"""docs/backup-format.md is enough to restore by hand, and leaves no field out."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.manifest import Manifest, Origin
from deckinfra.core.proof import Proof
from deckinfra.core.silent import SilentReporter
from deckinfra.core.urls import DatabaseURL
from deckinfra.repository import Repository
from deckinfra.repository.config import Config
from deckinfra.services.backup import backup

PAGE = Path(__file__).parents[2] / "docs" / "backup-format.md"


@pytest.fixture
def snapshot(tmp_path: Path) -> Manifest:
    """A snapshot of a database of several chunks, in the repository ``tmp_path/repository``."""
    live = tmp_path / "live.db"
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, art BLOB)")
        connection.executemany("INSERT INTO cards (art) VALUES (?)", [(bytes([n]) * 40_000,) for n in range(50)])
    store = DirectoryStore(tmp_path / "repository")
    repository = Repository.open(store, create=True, level=3, threads=2, reporter=SilentReporter())
    engine = SqliteEngine(DatabaseURL.parse(f"sqlite:///{live}"))
    return backup(engine, repository, Origin("deck", "local"), str(engine.url), SilentReporter())


def test_the_commands_at_the_end_restore_a_snapshot(tmp_path: Path, snapshot: Manifest) -> None:
    lacking = [tool for tool in ("jq", "zstd", "sha256sum") if shutil.which(tool) is None]
    if lacking:
        assert "tools" not in os.environ.get("DECKINFRA_REQUIRE", "").split(","), lacking
        pytest.skip(f"restoring by hand needs {', '.join(lacking)}")
    (script,) = re.findall(r"```bash\n(# restore-by-hand.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path / "repository",
        env={"PATH": "/usr/bin:/bin", "SNAPSHOT": snapshot.id},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "restored.db: OK\n"), done.stderr
    assert snapshot.parts[0].chunks > 2
    assert _content(tmp_path / "repository" / "restored.db") == _content(tmp_path / "live.db")


def test_every_field_is_described(snapshot: Manifest) -> None:
    described = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    proof = {field.name for field in dataclasses.fields(Proof)}
    assert (snapshot.document().keys() | proof | Config.new().document().keys()) - described == set()


def _content(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM cards ORDER BY id").fetchall()
