from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.builtin.environments.local import LocalEnvironment, deckinfra_environments
from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.core.settings import Settings, Stage
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.settings.groups import DatabaseSettings


@pytest.fixture
def environment(tmp_path: Path) -> LocalEnvironment:
    database = DatabaseSettings(
        database_url="mysql+pymysql://deck@db:3307/cards", database_password=Secret("correct horse")
    )
    settings = Settings(Stage.DEVELOPMENT, {DatabaseSettings: database}, ())
    environment = deckinfra_environments()["local"]("staging", tmp_path, settings)
    assert isinstance(environment, LocalEnvironment)
    return environment


def test_it_has_the_name_that_was_asked_for_and_its_kind(environment: LocalEnvironment) -> None:
    assert (environment.name, environment.kind) == ("staging", "local")


def test_the_database_is_the_settings_with_the_password(environment: LocalEnvironment) -> None:
    expected = DatabaseURL.parse("mysql+pymysql://deck@db:3307/cards").with_password(Secret("correct horse"))
    assert expected == environment.database_url()


def test_backups_go_into_the_project(environment: LocalEnvironment) -> None:
    assert StoreURL("file", "backups/staging") == environment.default_repository()


def test_commands_run_in_the_project(environment: LocalEnvironment, tmp_path: Path) -> None:
    assert environment.executor().run(Command(("pwd",), 60.0)).stdout.decode().strip() == str(tmp_path)
