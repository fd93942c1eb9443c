from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.app import App
from deckinfra.core.manifest import Manifest
from deckinfra.core.proof import Proof
from deckinfra.services.status import status
from tests.tasks.support import Project, new_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "my shop")


def _open(project: Project, **environ: str) -> App:
    return open_project(project.root, environ=environ)


def _prove(app: App, manifest: Manifest, *problems: str) -> None:
    with app.repository() as repository:
        repository.record(Proof(manifest.id, "drill", datetime.now(UTC), 1.0, "host", 1, problems))


def test_what_was_set_up_is_shown_and_nothing_is_wrong(project: Project) -> None:
    _open(project).setup()
    (listed,) = _open(project).backups()
    found = _open(project).status()
    assert (found.environment, found.kind, found.stage, found.services) == ("local", "local", "development", ())
    assert found.database is not None
    assert (found.database.tables, found.database.activity) == (1, None)
    assert found.database.label == f"sqlite:///{project.root}/var/shop.db"
    assert found.migrations is not None
    assert found.migrations.current == ("0001",)
    assert found.last_backup == listed.manifest
    assert found.last_proof == listed.proof
    assert found.problems == ()


def test_where_nothing_is_there_yet_each_thing_that_is_missing_is_a_problem(project: Project) -> None:
    found = _open(project).status()
    assert (found.database, found.migrations, found.last_backup, found.last_proof) == (None, None, None, None)
    settings, database, backups = found.problems
    assert settings == "settings: APP_SECRET_KEY is not set; 'invoke env.check -e local' says more"
    assert database == "database: there is none yet"
    assert backups.startswith("backups: ")


def test_a_database_that_cannot_be_read_does_not_hide_the_backups(project: Project) -> None:
    _open(project).setup()
    project.write("var/shop.db", "no database\n" * 400)
    found = _open(project).status()
    (problem,) = found.problems
    assert problem.startswith("database: ")
    assert found.last_backup is not None


def test_a_setting_that_nothing_knows_is_a_problem(project: Project) -> None:
    _open(project).setup()
    with (project.root / ".env.local").open("a") as file:
        file.write("BACKUP_KEEP_DAYLY=400\n")
    (problem,) = _open(project).status().problems
    assert problem.startswith("settings: BACKUP_KEEP_DAYLY is not a setting that anything knows; 'invoke env.check")


def test_a_schema_that_is_behind_is_a_problem(project: Project) -> None:
    _open(project).setup()
    _open(project).rollback("base")
    assert _open(project).status().problems == ("schema: not migrated",)


def test_the_proof_is_the_newest_good_one_of_any_snapshot(project: Project) -> None:
    _open(project).setup()
    _open(project).backup()
    found = _open(project).status()
    assert found.last_backup is not None
    assert found.last_proof is not None
    assert found.last_proof.snapshot != found.last_backup.id
    assert found.problems == ()


def test_a_newest_backup_that_was_found_bad_is_a_problem_whatever_older_ones_are(project: Project) -> None:
    app = _open(project)
    app.setup()
    _prove(app, app.backup(), "table 'things' is missing")
    found = _open(project).status()
    assert found.problems == ("backups: the newest backup is bad: table 'things' is missing",)
    assert found.last_backup is not None
    assert found.last_proof is not None
    assert found.last_proof.snapshot != found.last_backup.id


def test_in_production_a_backup_that_is_older_than_a_day_is_a_problem(project: Project) -> None:
    _open(project).setup()
    app = _open(project, DECKINFRA_STAGE="production", APP_DEBUG="false", CORS_ORIGINS="", VITE_API_URL="")
    now = datetime.now(UTC)
    assert status(app, now + timedelta(hours=25)).problems == ()
    assert status(app, now + timedelta(hours=28)).problems[0].startswith("backups: the newest backup is 1 d ")
    assert status(_open(project), now + timedelta(days=29)).problems == ()
    assert status(_open(project), now + timedelta(days=31)).problems[0].startswith("backups: the newest backup is 3")


def test_a_backup_that_nothing_ever_proved_is_a_problem(project: Project) -> None:
    _open(project).setup()
    for proof in (project.root / "backups/local/proofs").rglob("*.json"):
        proof.unlink()
    assert _open(project).status().problems == ("backups: no backup was ever proven to restore",)
