"""``docs/plugins.md`` leaves nothing out, and what it shows works."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deckinfra import hookspecs, testing
from deckinfra.plugins import discovery, selection
from tests.plugins.conftest import Project

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
TEXT = PAGE.read_text()
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("deckinfra_")}


def example(first_line: str) -> str:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {first_line}\n"))


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_there_with_its_arguments(name: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"| `{name}({arguments})` |" in TEXT


def test_no_hook_is_there_that_is_none() -> None:
    assert set(re.findall(r"\bdeckinfra_[a-z_]+", TEXT)) <= {*HOOKS, "deckinfra_store"}


@pytest.mark.parametrize("name", [selection.DISABLE, selection.LOAD])
def test_every_variable_is_there(name: str) -> None:
    assert f"| `{name}` |" in TEXT


@pytest.mark.parametrize("name", [*discovery.BUILT_IN, *testing.__all__])
def test_every_plugin_in_the_box_and_every_aid_to_testing_is_there(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_the_first_example_is_a_plugin(project: Project) -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    project.plugin("acme.py", code)
    assert project.records()["acme"].hooks == ("deckinfra_after_backup",)


def test_the_store_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "sqlar.py").write_text(example("plugins/sqlar.py"))
    (tmp_path / "test_sqlar.py").write_text(example("test_sqlar.py"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sqlar.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
