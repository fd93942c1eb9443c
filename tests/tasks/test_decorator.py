"""The decorator, on tasks that a project's own plugin brings."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context

from deckinfra.errors import RefusedError
from deckinfra.tasks import Terminal, task
from deckinfra.tasks.decorator import folder_of
from tests.tasks.support import Project

PLUGIN = '''
import os
import sys
from pathlib import Path

from deckinfra import hookimpl


def see(value, terminal):
    terminal.line(f"seen: {value}")


def judge(value):
    from deckinfra.errors import DamagedError

    if value["name"] == "bad":
        raise DamagedError("it is bad")


@hookimpl
def deckinfra_tasks():
    from invoke import Collection

    from deckinfra.tasks import task

    @task(show=see, judge=judge, optional=("to",), help={"name": "Whose.", "to": "Where."})
    def greet(project, name="you", to=None, many=1, loud=False):
        """Greet somebody."""
        return {"name": name, "to": to, "many": many, "loud": loud, "environment": project.environment_name}

    @task()
    def leak(project):
        """Fail with a secret in the message."""
        from deckinfra.settings.groups import ApplicationSettings

        raise ValueError("it was " + project.settings.group(ApplicationSettings).app_secret_key.reveal())

    @task(project=False)
    def where(root):
        """Say where the project is."""
        print(root)

    @task(destroys=lambda project, really: "shred everything" if really else None)
    def shred(project, really=True):
        """Destroy."""
        print("shredded")

    @task()
    def interrupt(project):
        """Be interrupted."""
        raise KeyboardInterrupt

    @task(name="greet")
    def other(project):
        """Have the name of another."""
        print("the other")

    return [Collection("x", greet, leak, where, shred, interrupt), Collection("y", other)]
'''


@pytest.fixture
def extended(ready: Project) -> Project:
    """A project whose plugin brings tasks."""
    ready.write("plugins/extra.py", PLUGIN)
    return ready


def test_what_a_task_returns_is_shown_or_printed_as_json(extended: Project) -> None:
    shown = extended.invoke("x.greet", "--name=Zoë", "--to", "--many=3", "--loud")
    assert shown.out.startswith("seen: {'name': 'Zoë', 'to': True, 'many': 3, 'loud': True")
    extended.write(".env.test", "")
    printed = extended.invoke("x.greet", "--json", "--to=Bern", "-e", "test")
    assert printed.document == {"name": "you", "to": "Bern", "many": 1, "loud": False, "environment": "test"}


def test_a_result_is_judged_after_it_is_shown(extended: Project) -> None:
    judged = extended.invoke("x.greet", "--json", "--name=bad")
    assert (judged.code, judged.document["name"], judged.err) == (8, "bad", "error: it is bad\n")


def test_a_fault_is_one_line_without_secrets(extended: Project) -> None:
    secret = (extended.root / ".secrets/local/APP_SECRET_KEY").read_text().strip()
    plain, traced = extended.invoke("x.leak"), extended.invoke("x.leak", "--debug")
    assert (plain.code, traced.code) == (1, 1)
    assert plain.err.startswith("error: unexpected ValueError: it was •••\nhint: ")
    assert "Traceback" in traced.err
    assert secret not in plain.err + traced.err


@pytest.mark.parametrize("arguments", [("-d", "x.leak"), ("x.leak", "-d")])
def test_debug_may_stand_before_the_task_too(extended: Project, arguments: tuple[str, ...]) -> None:
    assert "Traceback" in extended.invoke(*arguments).err


def test_a_task_without_a_project_is_given_its_folder(extended: Project) -> None:
    assert extended.invoke("x.where", cwd=extended.root / "migrations").out == f"{extended.root}\n"


def test_destroying_needs_consent(extended: Project) -> None:
    refused = extended.invoke("x.shred")
    assert (refused.code, refused.out) == (10, "")
    assert "consent is needed to shred everything" in refused.err
    assert extended.invoke("x.shred", "-y").out == "shredded\n"
    assert extended.invoke("x.shred", "--no-really").out == "shredded\n"


def test_ctrl_c_ends_with_130(extended: Project) -> None:
    assert extended.invoke("x.interrupt").code == 130


def test_two_tasks_of_one_name_in_two_places_are_two(extended: Project) -> None:
    both = extended.invoke("x.greet", "y.greet")
    assert both.out.splitlines()[0].startswith("seen: ")
    assert both.out.splitlines()[1] == "the other"


def test_a_dry_run_that_invoke_could_not_keep_is_refused(ready: Project) -> None:
    refused = ready.invoke("--dry", "db.backup")
    assert (refused.code, refused.out) == (2, "")
    assert "db.prune has a --dry-run of its own" in refused.err


def test_help_runs_nothing(ready: Project) -> None:
    helped = ready.invoke("db.restore", "--help")
    assert helped.code == 0
    assert "-e STRING, --env=STRING" in helped.out
    assert "--remote[=STRING]" in helped.out


def test_a_task_of_no_namespace_works_on_the_current_folder() -> None:
    assert folder_of(Context()) == Path()
    assert folder_of(Context(Config({"deckinfra": {"root": "/srv"}}))) == Path("/srv")


def test_a_task_is_equal_to_itself_only() -> None:
    def show(value: object, terminal: Terminal) -> None:
        raise RefusedError("not called")

    @task(show=show)
    def one(project: object) -> None:
        """Do nothing."""

    @task(name="one", show=show)
    def two(project: object) -> None:
        """Do nothing."""

    assert one == one
    assert one != two
    assert len({one, two}) == 2
    assert Collection("c", one).task_names == {"one": []}
