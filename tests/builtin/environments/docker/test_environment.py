from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deckinfra.builtin.environments.docker.environment import DockerEnvironment
from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.errors import RefusedError, StackError
from deckinfra.ports import Environment
from tests.support.stacks import IMAGE, SMALL, StackProject

PUBLISHED = f"""
services:
  database:
    image: {IMAGE}
    entrypoint: [sleep, "600"]
    init: true
    ports: ["%s:${{DATABASE_PORT:-3306}}:3306"]
"""


def configured(project: StackProject, url: str = "mysql+pymysql://deck@database:3306/deck") -> Environment:
    project.setting(DATABASE_URL=url, DATABASE_PORT=0, DATABASE_ADMIN_USER="root")
    project.secret("DATABASE_ADMIN_PASSWORD", "root's")
    project.secret("DATABASE_PASSWORD", "correct horse")
    return project.environment


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_the_database_is_where_its_port_is_published(stack_project: StackProject, address: str) -> None:
    stack_project.write(PUBLISHED % address)
    environment = configured(stack_project)
    stack_project.stack.start(timeout=60.0, output=lambda piece: None)
    url = environment.database_url()
    assert (url.username, url.password, url.host, url.database) == (
        "deck",
        Secret("correct horse"),
        "127.0.0.1",
        "deck",
    )
    (service,) = stack_project.stack.services()
    assert f"{address}:{url.port}->3306/tcp" in service.ports


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere containers have no address on this machine")
def test_the_database_is_at_its_container_where_no_port_is_published(running_stack: StackProject) -> None:
    url = running_stack.environment.database_url()
    address = running_stack.stack.executor("base").run(Command(("hostname", "-i"), 60.0)).stdout.decode().strip()
    assert (url.host, url.port) == (address, 3306)


def test_a_database_that_this_machine_has_no_way_to_is_an_error_with_one_that_there_is(
    stack_project: StackProject,
) -> None:
    stack_project.write(SMALL.replace("[sleep, infinity]\n", "[sleep, infinity]\n    network_mode: none\n", 1))
    stack_project.stack.start(["base"], timeout=60.0, output=lambda piece: None)
    with pytest.raises(StackError, match="the port 3306 of the service 'base' is not published") as caught:
        stack_project.environment.database_url()
    assert "docker compose --env-file .env.docker run --rm ops invoke" in caught.value.hint


def test_a_database_that_does_not_run_is_an_error_with_the_next_step(stack_project: StackProject) -> None:
    with pytest.raises(StackError) as caught:
        stack_project.environment.database_url()
    assert caught.value.message == "the service 'base' does not run (absent)"
    assert "'invoke stack.up -e docker'" in caught.value.hint


def test_a_database_outside_of_the_stack_is_taken_as_it_is(stack_project: StackProject) -> None:
    environment = configured(stack_project, "mysql+pymysql://deck@db.example:3307/deck")
    expected = DatabaseURL.parse("mysql+pymysql://deck@db.example:3307/deck")
    assert environment.database_url() == expected.with_password(Secret("correct horse"))
    tools = environment.database_tools()
    assert (str(tools.url), str(tools.executor)) == ("mysql+pymysql://root@db.example:3307/deck", "this machine")
    assert stack_project.stack.database == ""


def test_a_file_is_taken_as_it_is_and_docker_is_not_asked(
    stack_project: StackProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    environment = configured(stack_project, "sqlite:///var/app.db")
    assert str(environment.database_url()) == "sqlite:///var/app.db"
    assert str(environment.database_tools().executor) == "this machine"
    monkeypatch.undo()


def test_its_name_for_the_database_is_the_configured_one_and_needs_no_docker(
    stack_project: StackProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = configured(stack_project)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    assert environment.database_label() == "mysql+pymysql://deck@database:3306/deck"
    assert environment.default_repository() == StoreURL("file", "backups/docker")
    monkeypatch.undo()


def test_the_databases_tools_run_beside_it_as_the_administrator(running_stack: StackProject) -> None:
    tools = running_stack.environment.database_tools()
    assert str(tools.executor) == "the service 'base'"
    assert (tools.url.host, tools.url.port, tools.url.database) == ("127.0.0.1", 3306, "deck")
    assert tools.executor.run(Command(("mariadb-dump", "--version"), 60.0)).ok
    command = tools.interactive(("mariadb", "--version"))
    container = f"{running_stack.name}-base-1"
    assert command.argv == ("docker", "exec", "--interactive", "--tty", container, "mariadb", "--version")


def test_the_database_of_another_folders_stack_is_not_reached_from_a_copy(
    running_stack: StackProject, tmp_path: Path
) -> None:
    copy = StackProject(tmp_path / "copy", running_stack.name)
    shutil.copytree(running_stack.root, copy.root)
    tools = copy.environment.database_tools()
    reaching: tuple[Callable[[], object], ...] = (
        copy.environment.database_url,
        lambda: tools.executor.run(Command(("true",), 60.0)),
        lambda: tools.interactive(("mariadb",)),
    )
    for reach in reaching:
        with pytest.raises(
            RefusedError, match=f"the stack '{running_stack.name}' belongs to another folder: "
        ) as caught:
            reach()
        assert str(running_stack.root) in caught.value.message
        assert "COMPOSE_PROJECT_NAME" in caught.value.hint


def test_the_administrator_is_the_settings_one(stack_project: StackProject) -> None:
    stack_project.write(PUBLISHED % "127.0.0.1")
    tools = configured(stack_project).database_tools()
    assert (tools.url.username, tools.url.password) == ("root", Secret("root's"))


def test_commands_of_the_environment_run_beside_the_stack(stack_project: StackProject) -> None:
    environment = stack_project.environment
    assert isinstance(environment, DockerEnvironment)
    assert Path(environment.executor().run(Command(("pwd",), 60.0)).stdout.decode().strip()) == stack_project.root


def test_an_engine_on_another_machine_is_not_taken_for_this_ones(
    running_stack: StackProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(StackError, match="Docker's engine is on another machine"):
        running_stack.environment.database_url()


def test_other_containers_are_left_alone(stack_project: StackProject, running_stack: StackProject) -> None:
    assert stack_project.name != running_stack.name
    assert {service.state for service in stack_project.stack.services()} == {"absent"}
