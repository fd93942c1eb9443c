from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.app import App
from deckinfra.services.doctor import SPARE_BYTES, doctor, python_version, room, sqlite_version
from deckinfra.services.results import Finding
from tests.tasks.support import Project, new_project

CHECKS = """
from deckinfra import hookimpl
from deckinfra.errors import StoreError
from deckinfra.ports import Check


def refuse(project):
    raise StoreError("no room", hint="Make some.")


def burst(project):
    raise ValueError("odd")


@hookimpl
def deckinfra_checks():
    return [
        Check("content", lambda project: None),
        Check("discontent", lambda project: ("it is " + project.environment_name, "Leave.")),
        Check("refusing", refuse),
        Check("broken", burst),
    ]
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("doctor") / "my shop")
    _open(project).setup()
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    shutil.copytree(template.root, tmp_path / "my shop")
    return Project(tmp_path / "my shop")


def _open(project: Project, **environ: str) -> App:
    return open_project(project.root, environ=environ)


def _wrong(app: App, now: datetime | None = None) -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor(app, now) if not finding.ok}


def test_nothing_is_wrong_after_setup(project: Project) -> None:
    findings = _open(project).doctor()
    assert all(finding.ok and not finding.message for finding in findings)
    assert [finding.check for finding in findings] == [
        "python",
        "sqlite",
        "clock",
        "plugins",
        "git",
        "settings",
        "database",
        "migrations",
        "backups",
        "disk",
    ]


def test_old_versions_are_wrong() -> None:
    assert python_version((3, 10, 4)) == (
        "this is Python 3.10.4",
        "Use Python 3.11 or later, then scripts/setup-env.sh.",
    )
    assert sqlite_version((3, 34, 1)) == ("SQLite is 3.34.1", "Use a Python with SQLite 3.35 or later.")
    assert python_version((3, 11, 0)) is None
    assert sqlite_version((4, 0, 0)) is None


def test_a_disk_needs_room_for_a_second_database() -> None:
    assert room(SPARE_BYTES + 10, 10) is None
    wrong = room(SPARE_BYTES + 9, 10)
    assert wrong is not None
    assert wrong[0] == "256 MiB are free here, and a restore may need 256 MiB"


def test_unusable_settings_are_told_once_and_what_needs_them_is_left(project: Project) -> None:
    project.write(".env.local", "DATABASE_URL=nonsense\n")
    wrong = _wrong(_open(project))
    assert "problems: 1, the first: DATABASE_URL" in wrong["settings"].message
    assert wrong["database"] == Finding("database", ok=False, message="not looked at", hint="Mend the settings first.")
    assert set(wrong) == {"settings", "database", "migrations", "backups", "disk"}


def test_a_clock_before_this_code_was_written_is_wrong(project: Project) -> None:
    wrong = _wrong(_open(project), datetime(2020, 1, 1, tzinfo=UTC))
    assert wrong["clock"].message == "the clock shows 2020-01-01"
    assert "is from the future" in wrong["backups"].message


@pytest.mark.parametrize(("stage", "days", "bad"), [("development", 29, False), ("development", 31, True)])
def test_an_old_backup_is_wrong(project: Project, stage: str, days: int, bad: bool) -> None:
    wrong = _wrong(_open(project, DECKINFRA_STAGE=stage), datetime.now(UTC) + timedelta(days=days))
    assert ("backups" in wrong) == bad


def test_in_production_a_backup_is_old_after_a_day(project: Project) -> None:
    app = _open(project, DECKINFRA_STAGE="production", APP_DEBUG="false", CORS_ORIGINS="", VITE_API_URL="")
    assert [problem.name for problem in app.check_settings()] == []
    assert "backups" not in _wrong(app, datetime.now(UTC) + timedelta(hours=25))
    found = _wrong(app, datetime.now(UTC) + timedelta(hours=28))["backups"]
    assert found.message.startswith("the newest backup is 1 d ")


def test_no_backup_no_proof_and_a_bad_one_are_wrong(project: Project) -> None:
    backups = project.root / "backups/local"
    for proof in list((backups / "proofs").rglob("*.json")):
        proof.unlink()
    assert _wrong(_open(project))["backups"].message == "no backup was ever proven to restore"
    largest = max((path for path in (backups / "objects").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    largest.chmod(0o600)
    largest.write_bytes(b"")
    _open(project).verify()
    assert _wrong(_open(project))["backups"].message.startswith("the newest backup is bad: ")
    for path in (backups / "snapshots").iterdir():
        path.unlink()
    assert _wrong(_open(project))["backups"].message == "there is no backup"
    shutil.rmtree(backups)
    assert "there is no backup repository" in _wrong(_open(project))["backups"].message


def test_a_database_that_is_not_there_or_not_at_this_revision_is_wrong(project: Project) -> None:
    with closing(sqlite3.connect(project.root / "var/shop.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    assert _wrong(_open(project))["migrations"].message == "the database is ahead of this code"
    _open(project).restore()
    _open(project).rollback()
    assert _wrong(_open(project))["migrations"].message.endswith("; to apply: 0001")
    (project.root / "var/shop.db").unlink()
    wrong = _wrong(_open(project))
    assert wrong["database"].message.startswith("there is no database at sqlite:///")
    assert wrong["migrations"] == Finding(
        "migrations", ok=False, message="not looked at", hint="Mend the database first."
    )
    (project.root / "var/shop.db").write_bytes(b"not a database at all, and long enough to tell" * 40)
    assert {"database", "migrations"} <= set(_wrong(_open(project)))


def test_plugins_that_failed_are_named(project: Project) -> None:
    project.write("plugins/broken.py", "import nothing_of_that_name\n")
    assert _wrong(_open(project))["plugins"].message.startswith("did not load: broken: ")


def test_git_must_ignore_what_holds_secrets(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet", str(project.root)], check=True)
    project.write(".gitignore", "/.env\n")
    wrong = _wrong(_open(project))["git"]
    assert (wrong.message, wrong.hint) == (
        "git does not ignore .secrets/",
        "Add it to .gitignore before a secret is committed.",
    )
    project.write(".gitignore", "/.env\n/.secrets/\n")
    assert "git" not in _wrong(_open(project))
    project.write(".gitignore", "")
    monkeypatch.setenv("PATH", "")
    assert "git" not in _wrong(_open(project))


def test_a_plugins_checks_are_made_and_one_that_fails_is_a_finding(project: Project) -> None:
    project.write("plugins/checks.py", CHECKS)
    findings = {finding.check: finding for finding in doctor(_open(project))}
    assert findings["content"].ok
    assert findings["discontent"] == Finding("discontent", ok=False, message="it is local", hint="Leave.")
    assert findings["refusing"] == Finding("refusing", ok=False, message="no room", hint="Make some.")
    assert findings["broken"].message == "could not look: ValueError: odd"


def test_the_backups_of_another_project_do_not_count(project: Project) -> None:
    config = (project.root / "setup.cfg").read_text(encoding="utf-8")
    project.write(
        "setup.cfg", config.replace("[deckinfra]", "[deckinfra]\nname = another").replace("name = shop\n", "")
    )
    assert _wrong(_open(project))["backups"].message == "there is no backup"
