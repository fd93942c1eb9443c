"""The tasks on a stack, as people run them, on a small stack of their own."""

from __future__ import annotations

import re

import pytest

from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner
from tests.support.stacks import StackProject
from tests.tasks.support import TASKS_PY, Project


@pytest.fixture
def stack(stack_project: StackProject) -> Project:
    """A project with the small stack, that has the tasks."""
    (stack_project.root / "tasks.py").write_text(TASKS_PY)
    (stack_project.root / ".env.local").write_text("DATABASE_URL=sqlite:///var/shop.db\n")
    stack_project.write(
        (stack_project.root / "docker-compose.yml").read_text().replace("test, -e, /tmp/healthy", '"true"')
    )
    return Project(stack_project.root)


def test_a_stack_goes_up_is_looked_at_worked_in_and_goes_down(stack: Project) -> None:
    up = stack.invoke("stack.up", "-e", "docker")
    assert (up.code, "waiting for" in up.err) == (0, True), up.err
    assert re.search(r"^base +healthy +\d{4}-", up.out, re.MULTILINE), up.out
    listed = stack.invoke("stack.ps", "-e", "docker", "--json").document
    assert [(each["name"], each["state"]) for each in listed] == [
        ("work", "exited"),
        ("app", "running"),
        ("base", "running"),
    ]
    ran = stack.invoke(
        "stack.exec", "-e", "docker", "--service=app", "--command=sh -c 'echo \"out $HOME\"; echo err >&2'"
    )
    assert (ran.code, ran.out, ran.err) == (0, "out /root\n", "err\n")
    failed = stack.invoke("stack.exec", "-e", "docker", "--service=app", "--command=false")
    assert failed.code == 12
    assert "error: 'false' ended with exit code 1 in the service 'app'" in failed.err
    logs = stack.invoke("stack.logs", "-e", "docker", "--service=app", "--tail=5")
    assert logs.out.split(maxsplit=2) == ["app-1", "|", "ready to serve\n"]
    assert "work-1" in stack.invoke("stack.logs", "-e", "docker").out
    down = stack.invoke("stack.down", "-e", "docker")
    assert (down.code, down.out) == (0, "The stack is down.\n")
    gone = stack.invoke("stack.exec", "-e", "docker", "--service=app", "--command=true")
    assert (gone.code, "'invoke stack.up -e docker' starts it" in gone.err) == (14, True)


def test_volumes_are_not_deleted_without_consent(stack: Project) -> None:
    refused = stack.invoke("stack.down", "-e", "docker", "--volumes")
    assert refused.code == 10
    assert "delete the data of the stack 'docker': there is none of its named volumes" in refused.err
    assert stack.invoke("stack.down", "-e", "docker", "--volumes", "--yes").code == 0


def test_a_missing_password_keeps_nobody_from_looking_at_the_stack_and_at_backups(stack: Project) -> None:
    (stack.root / ".secrets" / "docker" / "DATABASE_PASSWORD").unlink()
    for words in (("stack.ps",), ("stack.logs",), ("stack.down",)):
        ran = stack.invoke(*words, "-e", "docker")
        assert ran.code == 0, (words, ran.err)
    listed = stack.invoke("db.backups", "-e", "docker")
    assert "DATABASE_PASSWORD" not in listed.err
    assert "there is no backup repository" in listed.err
    up = stack.invoke("stack.up", "-e", "docker")
    assert (up.code, "DATABASE_PASSWORD is not set" in up.err) == (3, True), up.err
    assert {each["state"] for each in stack.invoke("stack.ps", "-e", "docker", "--json").document} == {"absent"}


@pytest.mark.parametrize(
    "words",
    [
        ("build",),
        ("up",),
        ("down",),
        ("ps",),
        ("logs",),
        ("exec", "--service=app", "--command=true"),
        ("shell",),
    ],
)
def test_where_there_is_no_stack_the_tasks_are_refused(project: Project, words: tuple[str, ...]) -> None:
    refused = project.invoke(f"stack.{words[0]}", *words[1:])
    assert refused.code == 2
    assert "the environment 'local' has no stack: deckinfra starts and stops nothing there" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("exec", "--service=app"), "stack.exec needs a service and a command"),
        (("exec", "--command=true"), "stack.exec needs a service and a command"),
        (("exec", "--service=app", "--command=it's"), "--command cannot be read: No closing quotation"),
        (("exec", "--service=nobody", "--command=true"), "unknown service 'nobody'"),
        (("logs", "--service=bse"), "unknown service 'bse'"),
        (("logs", "--tail=-1"), "--tail is less than 0"),
        (("shell",), "stack.shell needs a terminal"),
    ],
)
def test_what_is_asked_wrongly_is_said(stack: Project, words: tuple[str, ...], message: str) -> None:
    done = stack.invoke(f"stack.{words[0]}", "-e", "docker", *words[1:])
    assert (done.code, f"error: {message}" in done.err) == (2, True), done.err


def test_without_docker_the_next_step_is_said(stack: Project) -> None:
    done = stack.invoke("stack.up", "-e", "docker", environ={"DOCKER_HOST": "unix:///nonexistent"})
    assert done.code == 14
    assert done.err.startswith("error: Docker does not run, or not where it is looked for\nhint: ")


def test_a_build_shows_what_it_does(stack: Project) -> None:
    built = stack.invoke("stack.build", "-e", "docker")
    assert (built.code, built.out) == (0, "The images are built; the stack uses mariadb:11.8.\n")


def test_a_shell_has_the_terminal(stack: Project) -> None:
    assert stack.invoke("stack.up", "-e", "docker").code == 0
    done = stack.on_terminal("stack.shell", "-e", "docker", typed="echo number $((6 * 7))\nexit\n")
    assert done.code == 0
    assert "number 42" in done.out


def test_following_ends_well_with_the_last_container(stack: Project) -> None:
    assert stack.invoke("stack.up", "-e", "docker").code == 0
    followed = stack.invoke("stack.logs", "-e", "docker", "--service=work", "--follow")
    assert (followed.code, followed.out.split(maxsplit=2)[-1]) == (0, "did the work\n")


@pytest.mark.parametrize("words", [("stack.up",), ("stack.up", "--build"), ("stack.build",)])
def test_nothing_is_started_with_settings_that_are_wrong(stack: Project, words: tuple[str, ...]) -> None:
    with (stack.root / ".env.docker").open("a") as file:
        file.write("STACK_TIMEOOT=9\n")
    refused = stack.invoke(*words, "-e", "docker")
    assert refused.code == 3
    assert "STACK_TIMEOOT is not a setting that anything knows" in refused.err
    assert {each["state"] for each in stack.invoke("stack.ps", "-e", "docker", "--json").document} == {"absent"}


@pytest.mark.parametrize("task", ["stack.up", "stack.down", "setup"])
def test_a_stack_that_is_being_deployed_is_left_alone(stack: Project, task: str) -> None:
    folder = stack.root / "var"
    folder.mkdir()
    with file_lock(folder / "deploy-docker.lock", Owner.me("deploy"), timeout=0, what="it"):
        ended = stack.invoke(task, "-e", "docker")
    assert ended.code == 9
    assert "the stack of 'docker' is locked by deploy (process " in ended.err
