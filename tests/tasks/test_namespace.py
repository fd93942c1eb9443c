from __future__ import annotations

import pytest
from invoke.exceptions import Exit

from deckinfra.tasks import namespace
from tests.tasks.support import Project

CLASH = """
from deckinfra import hookimpl


@hookimpl
def deckinfra_tasks():
    from invoke import Collection, task

    @task
    def nothing(context):
        "Do nothing."

    return [Collection("{name}", nothing)]
"""


def test_a_plugin_adds_tasks(project: Project) -> None:
    project.write("plugins/more.py", CLASH.format(name="more"))
    assert "more.nothing" in project.invoke("--list").out


@pytest.mark.parametrize("name", ["db", "doctor"])
def test_a_plugin_cannot_take_the_name_of_deckinfras_own_tasks(project: Project, name: str) -> None:
    project.write("plugins/more.py", CLASH.format(name=name))
    ended = project.invoke("--list")
    assert (ended.code, ended.out) == (3, "")
    assert f"error: a plugin brings tasks named '{name}', which deckinfra has already" in ended.err
    with pytest.raises(Exit):
        namespace(project.root)


def test_a_broken_plugin_does_not_take_the_tasks_down(project: Project) -> None:
    project.write("plugins/broken.py", "import nothing_of_that_name\n")
    assert "db.backup" in project.invoke("--list").out


def test_the_tasks_work_on_their_project_from_any_folder(ready: Project) -> None:
    ready.write("somewhere/below/file", "")
    status = ready.invoke("db.status", "--json", cwd=ready.root / "somewhere" / "below")
    assert status.document["state"] == "up to date"
