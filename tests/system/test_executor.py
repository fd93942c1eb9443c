from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.errors import CommandError, TimeLimitError
from deckinfra.system.executor import LocalExecutor


def shell(script: str, timeout: float = 60.0) -> Command:
    return Command(("sh", "-c", script), timeout)


@pytest.fixture
def executor(tmp_path: Path) -> LocalExecutor:
    return LocalExecutor(tmp_path, {"PATH": os.environ["PATH"], "ONE": "1"}, grace=0.3)


def test_a_command_sees_the_variables_that_were_given_and_its_own(executor: LocalExecutor) -> None:
    command = Command(("env",), 60.0, env={"TWO": "2", "ONE": "one"}, secrets={"THREE": Secret("3")})
    variables = dict(line.split("=", 1) for line in executor.run(command).stdout.decode().splitlines())
    assert (variables["ONE"], variables["TWO"], variables["THREE"]) == ("one", "2", "3")
    assert "HOME" not in variables


def test_without_variables_given_a_command_sees_those_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "yes")
    assert LocalExecutor(tmp_path).run(shell("echo $FROM_OUTSIDE")).stdout == b"yes\n"


def test_a_command_runs_in_the_folder_unless_it_says_otherwise(executor: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    folders = [
        executor.run(Command(("pwd",), 60.0, cwd=cwd)).stdout.decode().strip() for cwd in (None, PurePath("sub"))
    ]
    assert folders == [str(tmp_path), str(tmp_path / "sub")]


def test_a_command_has_no_terminal_and_its_own_group(executor: LocalExecutor) -> None:
    done = executor.run(
        Command((sys.executable, "-c", "import os; print(os.getpid() == os.getpgrp() == os.getsid(0))"), 60)
    )
    assert done.stdout == b"True\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Command(("nothing-like-it",), 60.0), "could not start 'nothing-like-it': there is no such command"),
        (Command(("pwd",), 60.0, cwd=PurePath("nowhere")), "could not start 'pwd': there is no folder .*nowhere"),
        (Command(("./plain",), 60.0), "could not start './plain': Permission denied"),
        (Command(("echo", "a\0b"), 60.0), "could not start 'echo': embedded null byte"),
        (Command(("echo",), 60.0, secrets={"A=B": Secret("hunter2")}), "could not start 'echo': illegal environment"),
    ],
)
def test_what_cannot_be_started_says_why(executor: LocalExecutor, tmp_path: Path, command: Command, said: str) -> None:
    (tmp_path / "plain").write_text("no program")
    with pytest.raises(CommandError, match=said) as caught:
        executor.run(command)
    assert caught.value.hint.startswith("Nothing was run.")
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"


def test_a_command_that_ignores_the_request_to_end_is_ended(executor: LocalExecutor) -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitError) as caught:
        executor.run(shell("trap '' TERM; sleep 60 & wait; sleep 60", timeout=0.5))
    assert caught.value.hint == "It was ended, with everything that it had started."
    assert time.monotonic() - began < 10


def test_a_command_has_time_to_tidy_up(executor: LocalExecutor, tmp_path: Path) -> None:
    script = "trap 'echo done > tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with pytest.raises(TimeLimitError):
        executor.run(shell(script, timeout=0.7))
    assert (tmp_path / "tidied").read_text() == "done\n"


def test_a_command_that_closed_its_output_is_waited_for_and_ended_in_time(executor: LocalExecutor) -> None:
    assert executor.run(shell("exec >&- 2>&-; sleep 0.2; exit 3")).returncode == 3
    with pytest.raises(TimeLimitError):
        executor.run(shell("exec >&- 2>&-; sleep 60", timeout=0.3))


def test_input_that_never_comes_does_not_outlast_the_command(executor: LocalExecutor) -> None:
    release = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first\n"
        release.wait(60)
        yield b"second\n"

    began = time.monotonic()
    assert executor.run(shell("head -n 1"), stdin=pieces()).stdout == b"first\n"
    with pytest.raises(TimeLimitError):
        executor.run(shell("cat", timeout=0.3), stdin=pieces())
    assert time.monotonic() - began < 20
    release.set()


def test_a_command_is_not_told_that_broken_input_is_complete(executor: LocalExecutor, tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise LookupError

    with pytest.raises(LookupError):
        executor.run(shell("cat > /dev/null; echo complete > taken"), stdin=pieces())
    time.sleep(0.2)
    assert not (tmp_path / "taken").exists()


def test_an_error_in_the_input_of_a_command_that_closed_its_output_is_raised(executor: LocalExecutor) -> None:
    go = threading.Event()

    def pieces() -> Iterator[bytes]:
        if go.wait(0.5):
            yield b""
        raise LookupError

    with pytest.raises(LookupError):
        executor.run(shell("exec >&- 2>&-; sleep 1"), stdin=pieces())


def test_an_interrupted_run_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C reaches this process only, since the command has a session of its own."""
    script = (
        "import signal, sys; from pathlib import Path; from deckinfra.core.command import Command\n"
        "from deckinfra.system.executor import LocalExecutor\n"
        # Shells start background jobs with the signal ignored, and so would be this process.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "run = LocalExecutor(Path(sys.argv[1]), grace=0.3).run\n"
        "run(Command(('sh', '-c', 'echo $$ > new; mv new up; exec sleep 300'), 300))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (tmp_path / "up").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "up").read_text()), 0)


def test_much_output_takes_little_memory(executor: LocalExecutor) -> None:
    done = executor.run(shell("head -c 300000000 /dev/zero; head -c 300000000 /dev/zero >&2"))
    assert len(done.stdout) == len(done.stderr) == 1024 * 1024


def test_it_says_where_it_runs(executor: LocalExecutor) -> None:
    assert str(executor) == "this machine"


def test_what_has_to_end_first_is_told_while_the_command_still_has_its_input(tmp_path: Path) -> None:
    seen: list[str] = []

    def look() -> None:
        time.sleep(0.5)
        seen.append((tmp_path / "log").read_text())

    def pieces() -> Iterator[bytes]:
        yield b"begun\n"
        raise InterruptedError

    executor = LocalExecutor(tmp_path, before_end=look)
    with pytest.raises(InterruptedError):
        executor.run(shell("while read -r line; do echo $line >> log; done; echo ended >> log"), stdin=pieces())
    assert seen == ["begun\n"]
    executor.run(shell("true"))
    assert len(seen) == 1


def test_merged_output_is_in_the_order_in_which_it_was_written(tmp_path: Path) -> None:
    done = LocalExecutor(tmp_path, merged=True).run(shell("echo one; echo two >&2; echo three; exit 3"))
    assert (done.returncode, done.stdout, done.stderr) == (3, b"one\ntwo\nthree\n", b"")
