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
from deckinfra.mysql.names import quoted
from deckinfra.mysql.tables import comparable
from deckinfra.repository import Repository
from deckinfra.repository.config import Config
from deckinfra.services.backup import backup
from tests.builtin.engines.mysql.copies import engine_on
from tests.mysql.support import fill, name_of_a_database, picture, run
from tests.repository.support import open_repository
from tests.support.servers import Server

OPTIONS = "--local-infile=1 --default-character-set=utf8mb4"
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


def _by_hand(name: str, folder: Path, *tools: str, **variables: str) -> subprocess.CompletedProcess[str]:
    lacking = [tool for tool in ("jq", "zstd", *tools) if shutil.which(tool) is None]
    if lacking:
        assert "tools" not in os.environ.get("DECKINFRA_REQUIRE", "").split(","), lacking
        pytest.skip(f"restoring by hand needs {', '.join(lacking)}")
    (script,) = re.findall(rf"```bash\n(# {name}:.*?)```", PAGE.read_text(), re.DOTALL)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_at_the_end_restore_a_snapshot(tmp_path: Path, snapshot: Manifest) -> None:
    done = _by_hand("restore-by-hand", tmp_path / "repository", "sha256sum", SNAPSHOT=snapshot.id)
    assert (done.returncode, done.stdout) == (0, "restored.db: OK\n"), done.stderr
    assert snapshot.parts[0].chunks > 2
    assert _content(tmp_path / "repository" / "restored.db") == _content(tmp_path / "live.db")


def test_so_they_do_on_a_server(tmp_path: Path, server: Server) -> None:
    with name_of_a_database(server) as name:
        fill(server, name, "old")
        run(
            server,
            name,
            "CREATE TABLE kinds (a FLOAT, b ENUM('x', 'y\n'), c JSON, d VARBINARY(9), e BIT(3), f SET('1', '2'))",
            "INSERT INTO kinds VALUES (1.2345678, 2, '[1, null]', 0x09005C0A27FF, 5, '2')",
            "INSERT INTO kinds VALUES (NULL, NULL, NULL, '', NULL, '')",
        )
        run(server, None, "SET GLOBAL local_infile = 1", f"CREATE DATABASE {quoted(f'{name} rescue')}")
        repository = open_repository(DirectoryStore(tmp_path))
        taken = backup(engine_on(server, name), repository, Origin("deck", "local"), "deck", SilentReporter())
        options = tmp_path / "client.cnf"
        options.write_text(f"[client]\nuser=root\npassword={server.root_password}\ndatabase='{name} rescue'\n")
        subprocess.run(["docker", "cp", str(options), f"{server.container}:/tmp/by-hand.cnf"], check=True, timeout=60)
        client = f"docker exec -i {server.container} {server.dialect} --defaults-extra-file=/tmp/by-hand.cnf"
        done = _by_hand("restore-by-hand-mysql", tmp_path, SNAPSHOT=taken.id, CLIENT=f"{client} {OPTIONS}")
        assert done.returncode == 0, done.stderr
        found, wanted = picture(server, f"{name} rescue"), picture(server, name)
        assert (found["tables"], found["views"]) == (wanted["tables"], wanted["views"])
        for table, ((_, text),) in wanted["definitions"].items():
            assert comparable(found["definitions"][table][0][1].encode()) == comparable(text.encode())
        for what in ("triggers", "routines", "events"):
            assert [row[0] for row in found[what]] == [row[0] for row in wanted[what]]


def test_every_field_is_described(snapshot: Manifest) -> None:
    described = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    proof = {field.name for field in dataclasses.fields(Proof)}
    assert (snapshot.document().keys() | proof | Config.new().document().keys()) - described == set()


def _content(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM cards ORDER BY id").fetchall()
