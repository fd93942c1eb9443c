"""The contracts of :class:`deckinfra.ports.Environment` and :class:`deckinfra.ports.Executor`, as tests."""

# ruff: noqa: D102 - the name of a test says what it checks
from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from sqlalchemy.exc import SQLAlchemyError

from deckinfra.core.command import Command
from deckinfra.core.names import is_name
from deckinfra.core.secret import Secret
from deckinfra.core.settings import Settings
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.errors import CommandError, TimeLimitError
from deckinfra.ports import Environment, Executor, ThrowawayEnvironment
from deckinfra.testing.databases import tables_at

_MIB = 1024 * 1024


def _shell(script: str, *, timeout: float = 60.0, secrets: dict[str, Secret] | None = None) -> Command:
    return Command(("sh", "-c", script), timeout, env={"PLAIN": "it's $plain"}, secrets=secrets or {})


class ExecutorContract:
    """Inherit as ``TestMyExecutor`` and give the fixture ``executor``, for a place that has a POSIX shell."""

    def test_the_exit_code_and_the_output_are_given(self, executor: Executor) -> None:
        done = executor.run(_shell("echo out; echo err >&2; exit 7"))
        assert (done.returncode, done.stdout, done.stderr, done.ok) == (7, b"out\n", b"err\n", False)

    def test_words_reach_the_command_as_they_are(self, executor: Executor) -> None:
        words = ("two words", "it's", '"quoted"', "$HOME", "*", "a;b", "", "ä€", "line\nbreak")
        done = executor.run(Command(("printf", "%s|", *words), 60.0))
        assert done.stdout == "".join(f"{word}|" for word in words).encode()

    def test_input_reaches_the_command_and_ends(self, executor: Executor) -> None:
        done = executor.run(_shell("wc -c"), stdin=iter([b"x" * 100_000, b"", b"y" * 23]))
        assert done.stdout.strip() == b"100023"

    def test_without_input_the_command_reads_none(self, executor: Executor) -> None:
        assert executor.run(_shell("cat")).stdout == b""

    def test_input_and_output_stream_at_the_same_time(self, executor: Executor) -> None:
        echoed: queue.Queue[bytes] = queue.Queue()

        def pieces() -> Iterator[bytes]:
            for number in range(3):
                yield b"%d\n" % number
                assert echoed.get(timeout=30) == b"%d\n" % number

        done = executor.run(_shell("while read -r line; do echo $line; done"), stdin=pieces(), stdout=echoed.put)
        assert (done.returncode, done.stdout) == (0, b"")

    def test_much_input_and_output_at_once_do_not_block_each_other(self, executor: Executor) -> None:
        received: list[int] = []
        piece = b"0123456789abcdef" * 4096
        done = executor.run(
            _shell("cat; echo done >&2"),
            stdin=(piece for _ in range(256)),
            stdout=lambda data: received.append(len(data)),
        )
        assert (sum(received), done.stdout, done.stderr) == (256 * len(piece), b"", b"done\n")
        assert max(received) <= _MIB

    def test_of_output_that_is_not_streamed_the_last_mib_is_kept(self, executor: Executor) -> None:
        done = executor.run(
            _shell("head -c 5000000 /dev/zero; printf end; head -c 3000000 /dev/zero >&2; printf e >&2")
        )
        assert (len(done.stdout), done.stdout[-4:]) == (_MIB, b"\0end")
        assert (len(done.stderr), done.stderr[-2:]) == (_MIB, b"\0e")

    def test_a_command_need_not_read_its_input(self, executor: Executor) -> None:
        assert executor.run(_shell("exit 0"), stdin=(b"x" * 65536 for _ in range(64))).ok

    def test_variables_and_secrets_reach_the_command(self, executor: Executor) -> None:
        done = executor.run(_shell('printf %s "$PLAIN/$HIDDEN"', secrets={"HIDDEN": Secret("a 'b' $c")}))
        assert done.stdout == b"it's $plain/a 'b' $c"

    def test_a_secret_is_in_no_argument_and_no_message(self, executor: Executor) -> None:
        hidden = Secret("hunter2-hunter2")
        done = executor.run(_shell("cat /proc/$$/cmdline 2>/dev/null; true", secrets={"HIDDEN": hidden}))
        assert hidden.reveal().encode() not in done.stdout
        with pytest.raises(TimeLimitError) as caught:
            executor.run(_shell("sleep 60", timeout=0.3, secrets={"HIDDEN": hidden}))
        assert hidden.reveal() not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"

    def test_the_folder_is_the_one_that_was_asked_for(self, executor: Executor) -> None:
        assert executor.run(Command(("pwd",), 60.0, cwd=PurePosixPath("/"))).stdout == b"/\n"

    def test_a_command_that_is_not_there_is_an_error_that_names_it(self, executor: Executor) -> None:
        with pytest.raises(CommandError, match="no-such-command-here"):
            executor.run(Command(("no-such-command-here",), 60.0))

    def test_when_its_time_is_up_the_command_and_its_children_are_ended(self, executor: Executor) -> None:
        marker = executor.run(_shell("mktemp -u")).stdout.decode().strip()
        began = time.monotonic()
        with pytest.raises(TimeLimitError, match="sleep 60"):
            executor.run(_shell(f"(sleep 4; echo late > {marker}) & sleep 60", timeout=0.5))
        assert time.monotonic() - began < 20
        time.sleep(max(0.0, began + 5.5 - time.monotonic()))
        assert not executor.run(Command(("test", "-e", marker), 60.0)).ok

    def test_an_error_in_the_input_ends_the_command_and_is_raised(self, executor: Executor) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            raise _InputLostError

        began = time.monotonic()
        with pytest.raises(_InputLostError):
            executor.run(_shell("cat > /dev/null; sleep 60"), stdin=pieces())
        assert time.monotonic() - began < 30

    def test_an_error_where_the_output_goes_ends_the_command_and_is_raised(self, executor: Executor) -> None:
        def refuse(data: bytes) -> None:
            raise _InputLostError

        began = time.monotonic()
        with pytest.raises(_InputLostError):
            executor.run(_shell("echo x; sleep 60"), stdout=refuse)
        assert time.monotonic() - began < 30

    def test_it_says_where_it_runs_in_one_line(self, executor: Executor) -> None:
        assert str(executor).strip()
        assert "\n" not in str(executor)


class _InputLostError(Exception):
    """What a test's own input or output raises."""


class EnvironmentContract:
    """Inherit as ``TestMyEnvironment`` and give the fixture ``environment``, made from usable settings."""

    def test_it_has_a_name_a_kind_and_settings(self, environment: Environment) -> None:
        assert is_name(environment.name)
        assert is_name(environment.kind)
        assert isinstance(environment.settings, Settings)

    def test_it_gives_a_database_url_that_shows_no_password(self, environment: Environment) -> None:
        url = environment.database_url()
        assert isinstance(url, DatabaseURL)
        assert url.password is None or url.password.reveal() not in f"{url} {url!r}"

    def test_it_calls_its_database_by_a_text_without_a_password(self, environment: Environment) -> None:
        label, password = environment.database_label(), environment.database_url().password
        assert label
        assert label == environment.database_label()
        assert password is None or password.reveal() not in label

    def test_it_tells_where_the_databases_own_tools_run(self, environment: Environment) -> None:
        tools = environment.database_tools()
        assert tools.url.dialect == environment.database_url().dialect
        assert tools.executor.run(Command(("echo", "hello"), 60.0)).stdout == b"hello\n"

    def test_a_stack_can_be_looked_at(self, environment: Environment) -> None:
        stack = environment.stack()
        if stack is not None:
            stack.check()
            assert len({service.name for service in stack.services()}) == len(stack.services())

    def test_it_gives_where_backups_go(self, environment: Environment) -> None:
        url = environment.default_repository()
        assert StoreURL.parse(str(url)) == url

    def test_it_runs_commands(self, environment: Environment) -> None:
        assert environment.executor().run(Command(("echo", "hello"), 60.0)).stdout == b"hello\n"


class ThrowawayContract:
    """Inherit as ``TestMyThrowaway`` and give the fixture ``environment``, one that can bring a server for a moment."""

    def test_it_brings_an_empty_database_that_nobody_else_has_and_that_is_gone_at_the_end(
        self, environment: Environment
    ) -> None:
        assert isinstance(environment, ThrowawayEnvironment)
        told: list[bytes] = []
        with environment.throwaway("test", output=told.append) as first:
            url, label, tools = first.database_url(), first.database_label(), first.database_tools()
            assert tables_at(url) == []
            assert url.database == environment.settings.values["DATABASE_URL"].text.rpartition("/")[2]  # type: ignore[union-attr]
            assert url.password is not None
            assert url.password.reveal() not in f"{url} {url!r} {label} {b''.join(told)!r}"
            assert tools.executor.run(Command(("echo", "hello"), 60.0)).stdout == b"hello\n"
            assert tools.url.database == url.database
        with pytest.raises(SQLAlchemyError):
            tables_at(url)
