from __future__ import annotations

from pathlib import Path

import deckinfra
from deckinfra.tasks.program import find_project
from tests.tasks.support import Project


def test_the_program_has_the_same_tasks_without_a_tasks_file(ready: Project) -> None:
    (ready.root / "tasks.py").unlink()
    listed = ready.program("--list")
    assert listed.code == 0
    assert "db.undo-restore" in listed.out
    assert ready.program("db.status", "--json", cwd=ready.root / "migrations").document["state"] == "up to date"


def test_it_has_its_own_version(project: Project) -> None:
    assert project.program("--version").out == f"deckinfra {deckinfra.__version__}\n"


def test_a_call_that_is_wrong_ends_with_2_and_a_hint(project: Project) -> None:
    for arguments in (["db.bakcup"], ["db.backup", "--nope"], ["-e", "local", "db.backup"], ["--help=nope"], ["-T"]):
        ended = project.program(*arguments)
        assert (ended.code, ended.out) == (2, ""), arguments
        assert [line.split(":")[0] for line in ended.err.splitlines()] == ["error", "hint"], arguments


def test_plugins_that_clash_end_it_with_their_code(project: Project) -> None:
    ended = project.program("--list", environ={"DECKINFRA_DISABLE_PLUGINS": "nope"})
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err


def test_the_project_is_the_nearest_folder_that_says_so(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) == inner
    (tmp_path / "setup.cfg").write_text("[deckinfra]\n")
    (tmp_path / "a" / "setup.cfg").write_text("[metadata]\n")
    assert find_project(inner) == tmp_path


def test_who_did_not_say_which_environment_is_told_of_the_others(project: Project) -> None:
    (project.root / ".secrets" / "docker").mkdir(parents=True)
    others = "another one is meant by -e docker."
    assert others in project.invoke("db.restore", "--yes").err
    assert others not in project.invoke("db.restore", "--yes", "-e", "local").err
    assert others not in project.invoke("db.restore", "--yes", environ={"DECKINFRA_ENVIRONMENT": "local"}).err
