"""Runs commands in a container, and ends them there when they have to end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from deckinfra.core.command import Command, Completed
from deckinfra.errors import CommandError, DeckinfraError, TimeLimitError
from deckinfra.system.executor import LocalExecutor

from .engine import Running
from .faults import explain

MARK: Final = "DECKINFRA_RUN"
"""The variable by which the processes of one run are told from all others in the container."""

_REFUSED: Final = b"OCI runtime exec failed: "
_DAEMON: Final = b"Error response from daemon: "
_NOT_RUN: Final = frozenset({126, 127})
_SLACK: Final = 30.0

# Ending the client leaves the command running. So every process that has inherited the mark is looked for in /proc and
# asked to end, and after two seconds made to. Exit code 0 says that none is left.
_END: Final = """
signal() {
  left=
  for file in /proc/[0-9]*/environ; do
    grep -qF "$mark" "$file" 2>/dev/null || continue
    left=1
    pid=${file#/proc/}
    kill -s "$1" "${pid%/environ}" 2>/dev/null
  done
}
command -v grep >/dev/null || exit 1
mark=$1 rounds=0
signal TERM
while [ "$left" ] && [ $rounds -lt 70 ]; do
  sleep 0.1
  rounds=$((rounds + 1))
  if [ $rounds -lt 20 ]; then signal 0; else signal KILL; fi
done
[ -z "$left" ]
"""


class DockerExecutor:
    """Implements :class:`deckinfra.ports.Executor` in the container of one service, as the user that it has.

    ``find`` gives the container anew for each command, since it may be another one by then. A secret is handed to
    Docker's client by its environment, and by its name in the arguments. Ending a command needs ``sh`` and
    ``grep`` in the container; where they are not, the error says that it goes on.
    """

    def __init__(
        self, service: str, environment: str, folder: Path, environ: Mapping[str, str], find: Callable[[], Running]
    ) -> None:
        self._service = service
        self._environment = environment
        self._folder = folder
        self._environ = environ
        self._find = find

    def run(
        self,
        command: Command,
        *,
        stdin: Iterable[bytes] = (),
        stdout: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """Run ``command`` in the container; :class:`StackError` if that does not run."""
        container = self._find()
        mark = secrets.token_hex(16)
        ending = _Ending(partial(self._end, container, mark))
        local = LocalExecutor(self._folder, self._environ, before_end=ending)
        head = _Head(stdout) if stdout is not None else None
        try:
            done = local.run(exec_command(container, command, mark), stdin=stdin, stdout=head)
        except TimeLimitError:
            raise TimeLimitError(
                f"'{command}' did not end within {command.timeout:g} s in {self}",
                hint="It was ended, with everything that it had started."
                if ending.succeeded
                else f"It could not be ended, and may go on in the container {container.name}.",
            ) from None
        self._refuse(command, container, done, head)
        return done

    def __str__(self) -> str:
        return f"the service '{self._service}'"

    def _refuse(self, command: Command, container: Running, done: Completed, head: _Head | None) -> None:
        """Raise what kept the command from being run; what only looks like it belongs to the command."""
        if done.returncode in _NOT_RUN:
            held = head.held if head is not None else done.stdout
            said = next((text for text in (held, done.stderr) if text.startswith(_REFUSED)), None)
            if said is not None:
                raise _not_started(command, self, said)
        if head is not None:
            head.let_go()
        if done.returncode == 1 and not done.stdout and done.stderr.startswith(_DAEMON):
            doing = f"'{command.argv[0]}' could not be run in {self}"
            hint = f"Nothing was run. 'invoke stack.ps -e {self._environment}' shows what runs."
            raise explain(done.stderr.decode(errors="replace"), doing, self._environment, hint=hint)

    def _end(self, container: Running, mark: str) -> bool:
        words = ("docker", "exec", container.name, "sh", "-c", _END, "deckinfra", f"{MARK}={mark}")
        try:
            return LocalExecutor(self._folder, self._environ).run(Command(words, _SLACK)).ok
        except DeckinfraError:
            return False


def exec_command(container: Running, command: Command, mark: str) -> Command:
    """Give the command line that runs ``command`` in ``container``, with every process of it marked."""
    folder = PurePosixPath(container.folder) / (command.cwd or "")
    plain = [word for name, value in command.env.items() for word in ("--env", f"{name}={value}")]
    hidden = [word for name in command.secrets for word in ("--env", name)]
    return Command(
        (
            *("docker", "exec", "--interactive", "--workdir", str(folder), "--env", f"{MARK}={mark}"),
            *plain,
            *hidden,
            container.name,
            *command.argv,
        ),
        command.timeout,
        secrets=command.secrets,
    )


class _Ending:
    """Ends a command once, and knows whether that went well."""

    def __init__(self, end: Callable[[], bool]) -> None:
        self._end = end
        self.succeeded = False

    def __call__(self) -> None:
        self.succeeded = self._end()


class _Head:
    """Hands output on, but holds it back for as long as it may be Docker's word that the command was not run.

    Docker writes that where the command's output goes.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._open = False
        self.held = b""

    def __call__(self, piece: bytes) -> None:
        if self._open:
            self._take(piece)
            return
        self.held += piece
        if not self.held.startswith(_REFUSED[: len(self.held)]) or len(self.held) > len(_REFUSED) + 4096:
            self.let_go()

    def let_go(self) -> None:
        """Hand on what was held back: it is the command's own."""
        held, self.held, self._open = self.held, b"", True
        if held:
            self._take(held)


def _not_started(command: Command, executor: DockerExecutor, said: bytes) -> CommandError:
    text = said.decode(errors="replace").strip().removesuffix(": unknown")
    program = command.argv[0]
    reason = text.rpartition("unable to start container process: ")[2] or text
    if "executable file not found" in reason or (f'exec: "{program}"' in reason and "no such file" in reason):
        return CommandError(
            f"could not start '{program}' in {executor}: there is no such command",
            hint="Nothing was run. Another service may have it, or an image that is built with it.",
        )
    return CommandError(f"could not start '{program}' in {executor}: {reason}", hint="Nothing was run.")
