"""Bringing a stack up and down: what is waited for, for how long, and what a failure looked like."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deckinfra.core.command import Command, Completed
from deckinfra.core.lines import Lines
from deckinfra.errors import DeckinfraError, StackError
from deckinfra.services.watch import WRONG_PASSWORD, Watch, described
from deckinfra.settings.envfile import env_file_name

if TYPE_CHECKING:
    from deckinfra.ports import Reporter, Service, Stack
    from deckinfra.services.memory import StackMemory

LOG_LINES: Final = 20
"""How many of a failed service's last log lines are shown."""

_INTERVAL: Final = 0.5

_PREFIX: Final = re.compile(r"\A\S+\s*\| ?")
_FULL: Final = re.compile(r"no space left on device|\bdisk (?:is )?full\b", re.IGNORECASE)


class StackControl:
    """Does with a stack what the tasks offer, and says on ``reporter`` how it goes.

    ``timeout`` is how many seconds the services have to become ready (default: what the stack itself says);
    ``environment`` is the name for hints; in ``memory`` is kept what the whole stack was last started from. Every
    method raises :class:`StackError` where the stack does not do it.
    """

    def __init__(
        self,
        stack: Stack,
        reporter: Reporter,
        *,
        environment: str,
        timeout: float | None = None,
        memory: StackMemory | None = None,
    ) -> None:
        self._memory = memory
        self._stack = stack
        self._reporter = reporter
        self._environment = environment
        self._timeout = timeout

    @property
    def stack(self) -> Stack:
        """The stack itself."""
        return self._stack

    def check(self) -> None:
        """Look whether the stack can be worked with at all."""
        self._stack.check()

    def services(self) -> Sequence[Service]:
        """Give the services as they are, in the order in which they depend on each other."""
        return self._stack.services()

    def build(self, services: Sequence[str] = ()) -> None:
        """Build the images of ``services`` (none: all). What runs goes on with the image that it has."""
        self._stack.check()
        with self._told() as output:
            self._stack.build(services, output=output)

    def up(self, services: Sequence[str] = (), *, alone: bool = False) -> Sequence[Service]:
        """Start ``services`` (none: all) and wait until each is ready; gives them as they are then.

        With ``alone``, what they depend on is left as it is.

        Images that are missing are built or fetched first, which has no part in the time limit. On a failure, the
        last lines of the failed service's log are told, and :class:`StackError` names it. Whatever happens,
        Ctrl-C included, what was started stays as it is.
        """
        self._stack.check()
        self._tell_of_broken_off()
        with self._told() as output:
            self._stack.prepare(services, output=output)
        timeout = self._stack.timeout if self._timeout is None else self._timeout
        watch = Watch(self._stack, services, self._reporter, alone=alone)
        deadline = time.monotonic() + timeout
        try:
            with self._told() as output:
                self._stack.start(services, timeout=timeout, output=output, until=watch.is_hopeless, alone=alone)
        except StackError as error:
            watch.look()
            if watch.broken():
                raise self._failure(watch.broken()) from error
            if time.monotonic() >= deadline and watch.waiting():
                raise self._late(watch.waiting(), timeout) from error
            raise
        watch.has_started = True
        ready = self._await(watch, deadline, timeout)
        if not services:
            self.keep()
        return ready

    def keep(self) -> None:
        """Keep in memory what the stack was started from. It runs, whether that can be kept or not."""
        if self._memory is None:
            return
        try:
            self._memory.keep(self._stack.record())
        except DeckinfraError as error:
            self._reporter.warn(
                f"what was started could not be recorded, so a deployment that fails will bring back images "
                f"only: {error.message}"
            )

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove all containers; with ``volumes`` also their data, where they are this folder's."""
        with self._told() as output:
            self._stack.stop(volumes=volumes, output=output)

    def logs(
        self, services: Sequence[str] = (), *, tail: int = 100, follow: bool = False, output: Callable[[bytes], None]
    ) -> None:
        """Give the last ``tail`` lines of each service's log to ``output``; with ``follow``, go on for ever."""
        self._stack.logs(services, tail=tail, follow=follow, output=output)

    def execute(
        self, service: str, argv: Sequence[str], *, timeout: float, output: Callable[[bytes], None]
    ) -> Completed:
        """Run a command in a running service; what it writes goes to ``output``, its error output is given."""
        return self._stack.executor(service).run(Command(tuple(argv), timeout), stdout=output)

    # ---------------------------------------------------------------------------------------------

    def _tell_of_broken_off(self) -> None:
        """Say that a deployment broke off. That it cannot be read keeps nobody from starting the stack."""
        if self._memory is None:
            return
        try:
            deployment = self._memory.broken_off()
        except DeckinfraError as error:
            self._reporter.warn(f"{error.message}. {error.hint}")
        else:
            if deployment is not None:
                self._reporter.warn(deployment.told(self._environment))

    def _await(self, watch: Watch, deadline: float, timeout: float) -> Sequence[Service]:
        while True:
            watch.look()
            if watch.failed():
                raise self._failure(watch.failed())
            if watch.settled():
                return watch.services
            if time.monotonic() >= deadline:
                raise self._late(watch.waiting(), timeout)
            time.sleep(_INTERVAL)

    def _failure(self, failed: Sequence[Service]) -> StackError:
        log = self._show(failed)
        listed = "; ".join(f"the service '{service.name}' {described(service)}" for service in failed)
        return StackError(listed, hint=self._hint(failed, log))

    def _late(self, waiting: Sequence[Service], timeout: float) -> StackError:
        log = self._show(waiting)
        listed = "; ".join(f"'{service.name}' {described(service)}" for service in waiting)
        return StackError(
            f"not every service was ready within {timeout:g} s: {listed or 'none can be looked at'}",
            hint=f"{self._hint(waiting, log)} STACK_TIMEOUT is how long is waited.",
        )

    def _show(self, services: Sequence[Service]) -> str:
        """Tell the last log lines of ``services``, and give them; a log that cannot be had is left out."""
        shown: list[str] = []
        for service in services:
            if service.state != "absent":
                shown += self._last_lines(service.name)
        for line in shown:
            self._reporter.note(line)
        return "\n".join([*shown, *(service.detail for service in services)])

    def _last_lines(self, name: str) -> Sequence[str]:
        found: list[str] = []
        lines = Lines(lambda line: found.append(f"{name} | {_PREFIX.sub('', line, count=1)}"))
        try:
            self._stack.logs([name], tail=LOG_LINES, follow=False, output=lines)
        except DeckinfraError as error:
            return [f"{name}: its log cannot be had: {error.message}"]
        lines.end()
        return found

    def _hint(self, services: Sequence[Service], log: str) -> str:
        """Say what to do, from what the services wrote."""
        name = self._environment
        if WRONG_PASSWORD.search(log):
            return (
                "The database refuses the password. It goes by the one that its volume was first made with, or that "
                f"it was changed to: that one belongs into .secrets/{name}/. Where it is there, 'docker compose "
                f"--env-file {env_file_name(name)} run --rm secrets' hands it on. If the data may go, "
                f"'invoke stack.down -e {name} --volumes' says what is deleted, and asks first."
            )
        if _FULL.search(log):
            return "The disk is full. Make room ('docker system df' says what Docker takes), and run it again."
        first = f" --service={services[0].name}" if services else ""
        return (
            f"{'Its last lines are above, ' if log.strip() else ''}'invoke stack.logs -e {name}{first}' has more. "
            f"What was started goes on; mend it and run 'invoke stack.up -e {name}' again."
        )

    @contextmanager
    def _told(self) -> Iterator[Callable[[bytes], None]]:
        """Give where output goes: each line that is not empty is a note."""

        def note(line: str) -> None:
            if line.strip():
                self._reporter.note(line.strip())

        lines = Lines(note)
        try:
            yield lines
        finally:
            lines.end()
