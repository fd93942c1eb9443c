"""Backup, restore, undo and drill on real servers, through the services and a repository in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.manifest import Manifest, Origin
from deckinfra.core.silent import SilentReporter
from deckinfra.errors import DatabaseError
from deckinfra.mysql.names import quoted
from deckinfra.ports import Engine
from deckinfra.repository import Repository
from deckinfra.services.backup import backup
from deckinfra.services.drill import drill
from deckinfra.services.restore import restore, undo_restore
from deckinfra.testing import RecordingReporter
from tests.builtin.engines.client.support import engine_on, fake_tools
from tests.mysql.support import beside, fill, name_of_a_database, picture, run
from tests.support.servers import Server

ORIGIN = Origin("shop", "local")


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    with name_of_a_database(server) as name:
        fill(server, name, "one")
        yield name


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.open(
        DirectoryStore(tmp_path / "back ups"), create=True, level=1, threads=2, reporter=RecordingReporter()
    )


def backed_up(engine: Engine, repository: Repository) -> Manifest:
    return backup(engine, repository, ORIGIN, "mysql://deck", repository.reporter)


def restored(engine: Engine, repository: Repository) -> None:
    reporter = SilentReporter()
    restore(engine, repository, "latest", ORIGIN, reporter, timeout=30, before_swap=lambda manifest: None)


def test_from_a_backup_to_a_restore_and_back_and_its_proof(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    engine = engine_on(server, database, tmp_path)
    manifest = backed_up(engine, repository)
    assert manifest.engine == "client"
    assert manifest.details["vendor"] == server.dialect
    before = picture(server, database)
    run(server, database, "DELETE FROM plain", "DROP VIEW a_top", "DROP TRIGGER noted", "CREATE TABLE later (a INT)")
    changed = picture(server, database)

    proved = drill(engine, repository, "latest", ORIGIN, SilentReporter(), timeout=30)
    assert proved.proof.problems == ()
    assert picture(server, database) == changed
    assert beside(server, database) == []

    restored(engine, repository)
    assert {**picture(server, database), "definitions": None} == {**before, "definitions": None}
    undo_restore(engine, SilentReporter(), timeout=30)
    assert {**picture(server, database), "definitions": None} == {**changed, "definitions": None}


def test_a_second_backup_stores_only_what_changed(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    engine = engine_on(server, database, tmp_path)
    first = backed_up(engine, repository)
    assert backed_up(engine, repository).added_objects == 0
    run(server, database, "INSERT INTO plain VALUES (7, 1)")
    assert 0 < backed_up(engine, repository).added_objects < first.added_objects


def test_a_broken_dump_leaves_no_backup(server: Server, database: str, repository: Repository, tmp_path: Path) -> None:
    script = 'case "$1" in --version) exec "$REAL" "$1";; esac\n"$REAL" "$@" | head -c -30'
    with fake_tools(server, script) as executor, pytest.raises(DatabaseError, match="closing line"):
        backed_up(engine_on(server, database, tmp_path, executor), repository)
    assert list(repository.snapshots.ids()) == []


def test_a_table_that_comes_back_otherwise_is_not_restored(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    backed_up(engine_on(server, database, tmp_path), repository)
    before = picture(server, database)
    engine = engine_on(server, database, tmp_path)
    with engine.shadow("test") as shadow:
        shadow.load(repository.reader(repository.snapshots.find("latest", ORIGIN)))
        (schema,) = [name for (name,) in run(server, None, "SHOW DATABASES") if name.startswith(f"{database}__scratch")]
        run(server, schema, "UPDATE plain SET parent = 1")
        facts = {(each.kind, each.name): each for each in shadow.facts()}
    manifest = repository.snapshots.find("latest", ORIGIN)
    differing = [(each.kind, each.name) for each in manifest.facts if facts[each.kind, each.name] != each]
    assert differing == [("table", "plain")]
    assert picture(server, database) == before


def test_warnings_reach_whoever_takes_the_backup(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    run(server, database, "CREATE TABLE measured (a FLOAT)")
    backed_up(engine_on(server, database, tmp_path), repository)
    assert isinstance(repository.reporter, RecordingReporter)
    assert ["measured.a" in text for text in repository.reporter.warnings] == [True]


def test_a_database_that_is_gone_is_brought_back(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    engine = engine_on(server, database, tmp_path)
    backed_up(engine, repository)
    before = picture(server, database)
    run(server, None, f"DROP DATABASE {quoted(database)}")
    restored(engine, repository)
    assert {**picture(server, database), "definitions": None} == {**before, "definitions": None}


def test_what_belongs_to_an_account_that_there_is_not_goes_to_the_applications(
    server: Server, database: str, repository: Repository, tmp_path: Path
) -> None:
    run(server, None, "CREATE USER passing_by@localhost")
    run(server, database, "CREATE DEFINER = passing_by@localhost PROCEDURE theirs() SELECT 1")
    engine = engine_on(server, database, tmp_path)
    backed_up(engine, repository)
    run(server, database, "DROP PROCEDURE theirs")
    run(server, None, "DROP USER passing_by@localhost")
    restored(engine, repository)
    ((definer,),) = run(
        server, database, "SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_NAME = 'theirs'"
    )
    assert definer == "deck@%"
