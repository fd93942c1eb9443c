"""The kinds of environment in the box, and what runs commands there, keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.plugins import PluginManager
from deckinfra.ports import Environment, Executor
from deckinfra.system.executor import LocalExecutor
from deckinfra.testing import EnvironmentContract, ExecutorContract
from tests.contracts.opening import make_environment_of


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
