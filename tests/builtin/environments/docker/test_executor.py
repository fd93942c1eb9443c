from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from deckinfra.builtin.environments.docker.engine import Running
from deckinfra.builtin.environments.docker.executor import exec_command
from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.errors import CommandError, StackError, TimeLimitError
from deckinfra.ports import Executor
from tests.support.stacks import StackProject, docker


@pytest.fixture
def executor(running_stack: StackProject) -> Executor:
    return running_stack.stack.executor("base")


def shell(script: str, timeout: float = 60.0) -> Command:
    return Command(("sh", "-c", script), timeout)


def test_the_command_line_names_secrets_and_holds_none() -> None:
    command = Command(
        ("mysqldump", "--all"), 9.0, {"PLAIN": "x"}, {"MYSQL_PWD": Secret("hunter2")}, PurePosixPath("sub")
    )
    assert exec_command(Running("shop-database-1", "/srv"), command, "abc") == Command(
        (
            *("docker", "exec", "--interactive", "--workdir", "/srv/sub", "--env", "DECKINFRA_RUN=abc"),
            *("--env", "PLAIN=x", "--env", "MYSQL_PWD", "shop-database-1", "mysqldump", "--all"),
        ),
        9.0,
        secrets={"MYSQL_PWD": Secret("hunter2")},
    )


def test_a_command_runs_in_the_containers_own_folder_unless_it_says_otherwise(executor: Executor) -> None:
    folders = [
        executor.run(Command(("pwd",), 60.0, cwd=cwd)).stdout
        for cwd in (None, PurePosixPath("etc"), PurePosixPath("/usr/bin"))
    ]
    assert folders == [b"/\n", b"/etc\n", b"/usr/bin\n"]


@pytest.mark.parametrize("program", ["no-such-command-here", "/no/such/file", "./relative"])
def test_a_command_that_is_not_there_is_told_also_where_output_is_streamed(executor: Executor, program: str) -> None:
    pieces: list[bytes] = []
    with pytest.raises(CommandError) as caught:
        executor.run(Command((program,), 60.0), stdout=pieces.append)
    assert caught.value.message == f"could not start '{program}' in the service 'base': there is no such command"
    assert pieces == []


def test_a_command_that_may_not_be_run_says_why(executor: Executor) -> None:
    with pytest.raises(CommandError, match=r"could not start '/etc/passwd' .*permission denied"):
        executor.run(Command(("/etc/passwd",), 60.0))


def test_a_folder_that_is_not_there_says_so(executor: Executor) -> None:
    with pytest.raises(CommandError, match=r"/nowhere.*no such file or directory"):
        executor.run(Command(("true",), 60.0, cwd=PurePosixPath("/nowhere")))


@pytest.mark.parametrize("code", [126, 127])
def test_a_command_may_end_with_the_codes_of_one_that_is_not_there(executor: Executor, code: int) -> None:
    pieces: list[bytes] = []
    done = executor.run(shell(f"printf OCI; exit {code}"), stdout=pieces.append)
    assert (done.returncode, b"".join(pieces)) == (code, b"OCI")
    assert executor.run(shell(f"printf 'OCI runtime exec'; exit {code}")).stdout == b"OCI runtime exec"


def test_what_only_looks_like_a_refusal_is_the_commands_own(executor: Executor) -> None:
    pieces: list[bytes] = []
    text = "OCI runtime exec failed: as they say"
    assert executor.run(shell(f"printf '{text}'"), stdout=pieces.append).ok
    assert b"".join(pieces).decode() == text


def test_processes_that_left_the_session_end_too(executor: Executor) -> None:
    with pytest.raises(TimeLimitError) as caught:
        executor.run(shell("setsid sleep 4321 & trap '' TERM; sleep 4321; sleep 4321", timeout=1.0))
    assert caught.value.hint == "It was ended, with everything that it had started."
    found = executor.run(shell("for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done")).stdout
    assert b"sleep 4321" not in found
    assert b"sleep infinity" in found


def test_input_that_breaks_off_is_not_taken_for_input_that_ended(executor: Executor) -> None:
    name = executor.run(shell("mktemp -u")).stdout.decode().strip()

    def pieces() -> Iterator[bytes]:
        yield b"INSERT one;"
        time.sleep(0.5)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        executor.run(shell(f"cat > /dev/null; echo ended > {name}"), stdin=pieces())
    time.sleep(0.5)
    assert not executor.run(Command(("test", "-e", name), 60.0)).ok


def test_where_a_command_cannot_be_ended_the_error_says_so(stack_project: StackProject) -> None:
    stack = stack_project.stack
    stack.start(["base"], timeout=60.0, output=lambda piece: None)
    executor = stack.executor("base")
    assert executor.run(shell("rm -f /usr/bin/grep /bin/grep")).ok
    with pytest.raises(TimeLimitError, match="'sleep 3' did not end within") as caught:
        executor.run(Command(("sleep", "3"), 0.5))
    container = f"{stack_project.name}-base-1"
    assert caught.value.hint == f"It could not be ended, and may go on in the container {container}."


@pytest.mark.parametrize("how", ["stop", "pause", "rm"])
def test_in_a_container_that_does_not_run_nothing_is_run(stack_project: StackProject, how: str) -> None:
    stack = stack_project.stack
    stack.start(["base"], timeout=60.0, output=lambda piece: None)
    executor = stack.executor("base")
    assert executor.run(Command(("true",), 60.0)).ok
    options = {"stop": ["--time=0"], "rm": ["--force"], "pause": []}[how]
    assert docker(how, *options, f"{stack_project.name}-base-1").returncode == 0
    with pytest.raises(StackError, match="the service 'base' does not run") as caught:
        executor.run(Command(("true",), 60.0))
    assert "'invoke stack.up -e docker'" in caught.value.hint


def test_a_container_that_was_made_anew_is_found(stack_project: StackProject) -> None:
    stack = stack_project.stack
    stack.start(["base"], timeout=60.0, output=lambda piece: None)
    executor = stack.executor("base")
    assert executor.run(shell("touch /here; test -e /here")).ok
    docker("rm", "--force", f"{stack_project.name}-base-1")
    stack.start(["base"], timeout=60.0, output=lambda piece: None)
    assert not executor.run(Command(("test", "-e", "/here"), 60.0)).ok
