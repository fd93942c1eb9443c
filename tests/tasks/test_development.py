from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deckinfra.errors import ConfigurationError, UsageError
from deckinfra.tasks.development import _checks, _run
from tests.tasks.support import REPOSITORY, Project

PASSING = "def test_it() -> None:\n    assert 1 + 1 == 2\n"
FAILING = "def test_it() -> None:\n    assert 1 + 1 == 3\n"
BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Pytest as it is, which begins in half the time that it takes with what our own tests need."""


def test_the_repositorys_own_checks_are_all_of_them() -> None:
    assert [name for name, _ in _checks(REPOSITORY, "")] == ["format", "lint", "types", "layers", "tests"]
    _, command = list(_checks(REPOSITORY, "-k 'a b'"))[-1]
    assert command[-4:] == ["--cov", "--cov-report=term-missing:skip-covered", "-k", "a b"]


def test_a_project_is_checked_by_what_it_configures(project: Project) -> None:
    project.write("tests/test_it.py", PASSING)
    ended = project.invoke("test", environ=BARE)
    assert ended.code == 0
    assert "1 passed" in ended.out
    assert ended.err == "==> tests\n"


def test_every_check_is_run_even_if_one_fails(project: Project) -> None:
    project.write("pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    project.write("tests/test_it.py", FAILING + "\n\n\n\nimport   os\n")
    ended = project.invoke("test", environ=BARE)
    assert ended.code == 13
    assert "1 failed" in ended.out
    assert "error: 3 of 3 checks failed: format, lint, tests" in ended.err


def test_fast_runs_only_the_tests_with_more_arguments(project: Project) -> None:
    project.write("pyproject.toml", "[tool.ruff]\n")
    project.write("tests/test_it.py", PASSING + FAILING.replace("test_it", "test_other"))
    ended = project.invoke("test", "--fast", "--args=-k 'not test_other' -q", environ=BARE)
    assert (ended.code, "1 passed, 1 deselected" in ended.out) == (0, True)


def test_arguments_that_are_no_words_are_refused(project: Project) -> None:
    for task in (("test",), ("bench", "--only=x")):
        project.write("benchmarks/x.py", "")
        assert project.invoke(*task, "--args='open").code == UsageError.exit_code


def test_benchmarks_are_scripts_that_are_run(project: Project) -> None:
    project.write("benchmarks/one.py", "import sys\nprint('one', sys.argv[1:])\n")
    project.write("benchmarks/two.py", "raise SystemExit(3)\n")
    ended = project.invoke("bench")
    assert (ended.code, ended.out) == (13, "one []\n")
    assert "error: benchmarks failed: two" in ended.err
    only = project.invoke("bench", "--only=one", "--args=--size=3 x")
    assert (only.code, only.out) == (0, "one ['--size=3', 'x']\n")


def test_a_benchmark_that_is_not_there_is_a_wrong_call(project: Project) -> None:
    project.write("benchmarks/one.py", "")
    assert "Did you mean 'one'?" in project.invoke("bench", "--only=onee").err
    assert project.invoke("bench", "--args=x").code == 2


def test_without_benchmarks_that_is_said(project: Project) -> None:
    ended = project.invoke("bench")
    assert (ended.code, "there are no benchmarks" in ended.err) == (2, True)


def test_a_tool_that_is_not_installed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="nothing-like-it cannot be run"):
        _run("layers", [str(tmp_path / "nothing-like-it")], tmp_path)
    assert _run("true", [sys.executable, "-c", ""], tmp_path)
    assert capsys.readouterr().err == "==> layers\n==> true\n"
