"""Runs the commands of Docker and Compose, and explains how they failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from deckinfra.core.command import Command, Completed
from deckinfra.errors import CommandError, DeckinfraError, StackError, TimeLimitError
from deckinfra.system.executor import LocalExecutor

from .faults import explain

_STOP_LIMIT: Final = 60.0
_KEPT: Final = 16 * 1024
_INTERVAL: Final = 0.5


class ComposeClient:
    """Runs commands in the folder ``root`` for the environment of that name, with the variables in ``environ``.

    ``ports`` gives the settings that publish a port, by its number, for what is explained.
    """

    def __init__(self, name: str, root: Path, environ: Mapping[str, str], ports: Mapping[str, str]) -> None:
        self._name = name
        self._root = root
        self._environ = environ
        self._ports = ports

    def ask(self, command: Command, doing: str, hint: str = "") -> str:
        """Run a command that only looks, and give its output."""
        try:
            done = LocalExecutor(self._root, self._environ).run(command)
        except CommandError as error:
            raise _no_docker(error) from error
        except TimeLimitError as error:
            raise StackError(
                f"{doing}: '{command}' did not end within {command.timeout:g} s",
                hint="Nothing was changed. Docker does not answer: look whether it runs.",
            ) from error
        if not done.ok:
            raise explain(done.stderr.decode(errors="replace"), doing, self._name, self._ports, hint)
        return done.stdout.decode(errors="replace")

    def act(
        self,
        command: Command,
        output: Callable[[bytes], None],
        doing: str,
        *,
        until: Callable[[], bool] | None = None,
    ) -> None:
        """Run a command of Compose, show what it writes, and explain how it failed.

        ``until`` is asked now and then, in a thread of its own; when it is true, the command is given up.
        """
        ended = threading.Event()
        try:
            done, seen = self.run(command, output, stdin=_until(until, ended) if until else ())
        except _GivenUpError as error:
            raise StackError(
                f"{doing}: it was given up",
                hint=f"What was started goes on. 'invoke stack.ps -e {self._name}' shows what runs.",
            ) from error
        finally:
            ended.set()
        if not done.ok:
            raise explain(seen, doing, self._name, self._ports)

    def run(
        self,
        command: Command,
        output: Callable[[bytes], None],
        *,
        stdin: Iterable[bytes] = (),
        before_end: Callable[[], None] | None = None,
    ) -> tuple[Completed, str]:
        """Run a command of Compose, show what it writes, and give how it ended and the last that it wrote."""
        kept = bytearray()

        def take(piece: bytes) -> None:
            kept.extend(piece)
            del kept[:-_KEPT]
            output(piece)

        executor = LocalExecutor(self._root, self._environ, merged=True, before_end=before_end)
        try:
            done = executor.run(command, stdin=stdin, stdout=take)
        except CommandError as error:
            raise _no_docker(error) from error
        except TimeLimitError as error:
            words = " ".join(command.argv[command.argv.index("compose") if "compose" in command.argv else 1 :])
            raise StackError(
                f"'docker {words}' did not end within {command.timeout:g} s",
                hint=f"What was started goes on. 'invoke stack.ps -e {self._name}' shows what runs.",
            ) from error
        return done, kept.decode(errors="replace")

    def stop_container(self, container: str) -> None:
        """Stop a container that was to be removed at its end; whoever ends this wants to hear of something else."""
        try:
            LocalExecutor(self._root, self._environ).run(Command(("docker", "stop", container), _STOP_LIMIT))
        except DeckinfraError:
            return


class _GivenUpError(Exception):
    """What is started is of no use any more."""


def _until(until: Callable[[], bool], ended: threading.Event) -> Iterator[bytes]:
    """Give no input, until ``until()`` is true: an input that fails ends the command that waits for it."""
    while not ended.wait(_INTERVAL):
        if until():
            raise _GivenUpError
        yield b""


def _no_docker(error: CommandError) -> StackError:
    return StackError(
        f"Docker is not usable here: {error.message}",
        hint="Nothing was changed. Install Docker with Compose v2 (https://docs.docker.com/engine/install/), "
        "then run it again.",
    )
