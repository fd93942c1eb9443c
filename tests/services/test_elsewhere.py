"""Passwords of a database that is no stack's: they are asked for, since one that is made up opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.errors import ConfigurationError
from deckinfra.testing import RecordingReporter
from tests.support.stacks import StackProject
from tests.tasks.support import clean_environ, new_project


def test_the_passwords_of_a_database_elsewhere_are_asked_for_and_not_made_up(tmp_path: Path) -> None:
    project, reporter = new_project(tmp_path), RecordingReporter()
    project.write(".env.local", "DATABASE_URL=mysql://deck@db.example/deck\nDATABASE_ADMIN_USER=root\n")
    app = open_project(project.root, environ=clean_environ(), reporter=reporter)
    assert [change.path for change in app.init_settings()] == [".secrets/local/APP_SECRET_KEY"]
    assert reporter.warnings == [
        "DATABASE_ADMIN_PASSWORD and DATABASE_PASSWORD of 'local' are not made up: the database "
        "mysql://deck@db.example/deck is in no stack of this project, and goes by its own. Write what it goes by into "
        ".secrets/local/DATABASE_ADMIN_PASSWORD and .secrets/local/DATABASE_PASSWORD, readable by you only"
    ]
    problems = app.check_settings()
    assert [problem.name for problem in problems] == ["DATABASE_ADMIN_PASSWORD", "DATABASE_PASSWORD"]
    assert all(".secrets/" in problem.hint for problem in problems)
    with pytest.raises(ConfigurationError, match="DATABASE_ADMIN_PASSWORD is not set"):
        app.setup()


def test_so_are_they_where_there_is_a_stack_without_that_database(make_stack: Callable[..., StackProject]) -> None:
    project, reporter = make_stack(), RecordingReporter()
    password = project.root / ".secrets" / "docker" / "DATABASE_PASSWORD"
    password.unlink()
    project.setting(DATABASE_URL="mysql+pymysql://deck@db.example/deck")
    assert project.open(reporter).init_settings() == []
    (said,) = reporter.warnings
    assert "DATABASE_PASSWORD of 'docker' is not made up" in said
    project.setting(DATABASE_URL="mysql+pymysql://deck@base:3306/deck")
    assert [change.path for change in project.open().init_settings()] == [".secrets/docker/DATABASE_PASSWORD"]


@pytest.mark.parametrize("why", ["compose file", "engine"])
def test_nor_are_they_where_nobody_can_tell_whether_there_is_a_database(
    make_stack: Callable[..., StackProject], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    project, reporter = make_stack(), RecordingReporter()
    secrets = project.root / ".secrets" / "docker"
    for secret in secrets.iterdir():
        secret.unlink()
    if why == "engine":
        monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    else:
        project.write("nonsense")
    app = project.open(reporter)
    assert [change.path for change in app.init_settings()] == [".secrets/docker/APP_SECRET_KEY"]
    (said,) = reporter.warnings
    assert said.startswith("DATABASE_PASSWORD of 'docker' is not made up: whether there is a database already, ")
    (problem,) = app.check_settings()
    assert problem.name == "DATABASE_PASSWORD"
    assert "'invoke env.init -e docker' makes it where there is no database yet" in problem.hint
    assert "could not be seen" in problem.hint
