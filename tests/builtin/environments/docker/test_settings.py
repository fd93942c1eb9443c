from __future__ import annotations

import pytest
from pydantic import ValidationError

from deckinfra.builtin.environments.docker.settings import DockerSettings


def test_the_defaults_are_those_of_a_project_with_one_compose_file() -> None:
    group = DockerSettings()
    assert (group.compose_files, group.compose_project_name, group.stack_timeout) == (
        ("docker-compose.yml",),
        None,
        180,
    )
    assert (group.database_image, group.database_port) == ("mysql:9.7", 3306)


@pytest.mark.parametrize("name", ["deck", "deck-2", "0_x"])
def test_a_stack_may_be_called(name: str) -> None:
    assert DockerSettings(compose_project_name=name).compose_project_name == name


@pytest.mark.parametrize("name", ["Deck", "-deck", "a b", "", "ä"])
def test_a_stack_may_not_be_called(name: str) -> None:
    with pytest.raises(ValidationError, match="is no name for a stack"):
        DockerSettings(compose_project_name=name)


@pytest.mark.parametrize(
    "values",
    [
        {"compose_files": ()},
        {"stack_timeout": 0},
        {"database_port": 65536},
        {"database_port": -1},
        {"app_cpus": 0},
        {"ops_cpus": "two"},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DockerSettings.model_validate(values)


def test_what_compose_itself_reads_names_the_same_files() -> None:
    files = ("a.yml", "b.yml")
    assert DockerSettings(compose_files=files, compose_file="a.yml:b.yml").compose_file == "a.yml:b.yml"
    with pytest.raises(ValidationError, match="is not what COMPOSE_FILES says"):
        DockerSettings(compose_files=files, compose_file="a.yml")
    with pytest.raises(ValidationError, match="is not what COMPOSE_FILES says"):
        DockerSettings(compose_file="docker-compose.yml:docker-compose.dev.yml")


@pytest.mark.parametrize("text", ["512m", "2g", "1.5GB", "1073741824b"])
def test_memory_is_a_number_with_a_unit(text: str) -> None:
    assert DockerSettings(database_memory=text).database_memory == text


@pytest.mark.parametrize("text", ["512", "2 g", "2x", "-1g", "lots"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is no amount of memory"):
        DockerSettings(app_memory=text)
