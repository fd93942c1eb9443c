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
    "values", [{"compose_files": ()}, {"stack_timeout": 0}, {"database_port": 65536}, {"database_port": -1}]
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DockerSettings.model_validate(values)
