"""The kinds of environment in the box, and what runs commands there, keep their contracts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deckinfra.app import open_project
from deckinfra.plugins import PluginManager
from deckinfra.ports import Environment, Executor, Stack
from deckinfra.system.executor import LocalExecutor
from deckinfra.testing import EnvironmentContract, ExecutorContract, StackContract, ThrowawayContract
from tests.contracts.opening import make_environment_of
from tests.support.stacks import StackProject


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, tmp_path: Path) -> Executor:
        return LocalExecutor(tmp_path)


class TestLocalEnvironment(EnvironmentContract):
    @pytest.fixture
    def environment(self, tmp_path: Path) -> Environment:
        return make_environment_of(tmp_path, "local", "staging", {})


class TestCopyOfTheLocalEnvironmentInTheProjectsPlugins(EnvironmentContract):
    @pytest.fixture
    def environment(self, tmp_path: Path) -> Environment:
        from deckinfra.builtin.environments import local

        assert local.__file__ is not None
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "here.py").write_text(Path(local.__file__).read_text())
        environ = {"DECKINFRA_DISABLE_PLUGINS": "environment-local"}
        assert "local" in PluginManager.load(tmp_path, environ).environments
        return make_environment_of(tmp_path, "local", "staging", environ)


class TestDockerExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, running_stack: StackProject) -> Executor:
        return running_stack.stack.executor("base")


class TestDockerEnvironment(EnvironmentContract):
    @pytest.fixture
    def environment(self, running_stack: StackProject) -> Environment:
        return running_stack.environment


class TestDockerThrowaway(ThrowawayContract):
    @pytest.fixture
    def environment(self, stack_project: StackProject) -> Environment:
        return stack_project.environment


class TestDockerStack(StackContract):
    @pytest.fixture
    def stack(self, stack_project: StackProject) -> Stack:
        return stack_project.stack


class TestCopyOfTheDockerEnvironmentInTheProjectsPlugins(EnvironmentContract):
    @pytest.fixture
    def environment(self, running_stack: StackProject) -> Iterator[Environment]:
        from deckinfra.builtin.environments import docker

        # In the stack's own folder, since nobody may work on it from another one.
        copy = running_stack.root / "plugins" / "my_docker"
        shutil.copytree(Path(docker.__path__[0]), copy)
        try:
            project = open_project(
                running_stack.root, "docker", environ={"DECKINFRA_DISABLE_PLUGINS": "environment-docker"}
            )
            environment = project.environment
            assert "builtin" not in type(environment).__module__
            assert "builtin" not in type(environment.stack()).__module__
            yield environment
        finally:
            shutil.rmtree(copy.parent)
