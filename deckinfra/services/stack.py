"""Bringing a stack up and down: what is waited for, for how long, and what a failure looked like."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final

from deckinfra.core.command import Command, Completed
from deckinfra.core.lines import Lines
from deckinfra.errors import DeckinfraError, StackError

if TYPE_CHECKING:
    from deckinfra.ports import Reporter, Service, Stack

LOG_LINES: Final = 20
"""How many of a failed service's last log lines are shown."""

RESTARTS: Final = 3
"""How often a service may end and be started again while it is waited for: one that needs another may, at first."""

_INTERVAL: Final = 0.5
_SETTLED: Final = 1.0
_PATIENCE: Final = 10.0
"""Seconds for which a database may refuse a password that it is yet to be given."""

_PREFIX: Final = re.compile(r"\A\S+\s*\| ?")
_WRONG_PASSWORD: Final = re.compile(r"Access denied for user", re.IGNORECASE)
_FULL: Final = re.compile(r"no space left on device|\bdisk (?:is )?full\b", re.IGNORECASE)


class StackControl:
    """Does with a stack what the tasks offer, and says on ``reporter`` how it goes.

    ``timeout`` is how many seconds the services have to become ready (default: what the stack itself says);
    ``environment`` is the name for hints. Every method raises :class:`StackError` where the stack does not do it.
    """

    def __init__(self, stack: Stack, reporter: Reporter, *, environment: str, timeout: float | None = None) -> None:
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

    def up(self, services: Sequence[str] = ()) -> Sequence[Service]:
        """Start ``services`` (none: all) and wait until each is ready; gives them as they are then.

        Images that are missing are built or fetched first, which has no part in the time limit. On a failure, the
        last lines of the failed service's log are told, and :class:`StackError` names it. Whatever happens,
        Ctrl-C included, what was started stays as it is.
        """
        self._stack.check()
        with self._told() as output:
            self._stack.prepare(services, output=output)
        timeout = self._stack.timeout if self._timeout is None else self._timeout
        watch = _Watch(self._stack, services, self._reporter)
        deadline = time.monotonic() + timeout
        try:
            with self._told() as output:
                self._stack.start(services, timeout=timeout, output=output, until=watch.is_hopeless)
        except StackError as error:
            watch.look()
            if watch.broken():
                raise self._failure(watch.broken()) from error
            if time.monotonic() >= deadline and watch.waiting():
                raise self._late(watch.waiting(), timeout) from error
            raise
        watch.has_started = True
        return self._await(watch, deadline, timeout)

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove all containers; with ``volumes`` also their data. Backups stay."""
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

    def _await(self, watch: _Watch, deadline: float, timeout: float) -> Sequence[Service]:
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
        listed = "; ".join(f"the service '{service.name}' {_how(service)}" for service in failed)
        return StackError(listed, hint=self._hint(failed, log))

    def _late(self, waiting: Sequence[Service], timeout: float) -> StackError:
        log = self._show(waiting)
        listed = "; ".join(f"'{service.name}' {_how(service)}" for service in waiting)
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
        if _WRONG_PASSWORD.search(log):
            return (
                "The database refuses the password. It keeps the one that its volume was first made with: put that "
                f"back into .secrets/{name}/, or begin with an empty database by "
                f"'invoke stack.down -e {name} --volumes' (backups stay)."
            )
        if _FULL.search(log):
            return "The disk is full. Make room ('docker system df' says what Docker takes), and run it again."
        first = f" --service={services[0].name}" if services else ""
        return (
            f"Its last lines are above, 'invoke stack.logs -e {name}{first}' has more. "
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


def _how(service: Service) -> str:
    """Say how a service is, after its name."""
    if service.state == "absent":
        return "has no container"
    how = f"is {service.described}"
    if service.state == "exited":
        how = f"ended with exit code {service.exit_code}"
    elif service.state == "restarting" or service.restarts >= RESTARTS:
        how = "keeps restarting" + (f" (exit code {service.exit_code})" if service.exit_code else "")
    elif service.restarts:
        how = f"ended by itself and was started again; now it {how}"
    return f"{how}: {' '.join(service.detail.split())}" if service.detail else how


class _Watch:
    """Looks at the services that are waited for, and says which these are whenever that changes.

    Made before anything is started, so that what failed earlier is not taken for a failure of now.
    """

    def __init__(self, stack: Stack, names: Sequence[str], reporter: Reporter) -> None:
        self._stack = stack
        self._names = frozenset(names)
        self._reporter = reporter
        self._told = ""
        self.has_started = False
        self._all = stack.services()
        self._earlier = {service.name: service for service in self._all}
        self._ready: dict[str, tuple[datetime | None, float]] = {}
        self._began: set[str] = set()
        self._refused: dict[str, float] = {}

    @property
    def services(self) -> Sequence[Service]:
        """Those that are waited for, as they were when it last looked."""
        return [service for service in self._all if not self._names or service.name in self._names]

    def look(self) -> None:
        """Look anew."""
        self._all = self._stack.services()
        now = time.monotonic()
        for service in self._all:
            if not service.ready:
                self._ready.pop(service.name, None)
            elif self._ready.get(service.name, (None, 0.0))[0] != service.started:
                self._ready[service.name] = service.started, now
            if service.health == "starting":
                self._began.add(service.name)
            if _WRONG_PASSWORD.search(service.detail):
                self._refused.setdefault(service.name, now)
            else:
                self._refused.pop(service.name, None)
        self._tell()

    def is_hopeless(self) -> bool:
        """Look anew, and tell whether to go on starting is of no use."""
        try:
            self.look()
        except DeckinfraError:
            # Whoever starts the stack meets the same fault, and can raise it.
            return False
        return bool(self.failed())

    def waiting(self) -> Sequence[Service]:
        """Give those that are not ready."""
        return [service for service in self.services if not service.ready]

    def failed(self) -> Sequence[Service]:
        """Give those for which waiting is of no use any more, what others depend on included."""
        return [service for service in self._all if self._has_failed(service)]

    def broken(self) -> Sequence[Service]:
        """Give those that have failed, or did once: where the start has failed, that is why."""
        return [
            service
            for service in self._all
            if self._has_failed(service)
            or (self._has_changed(service) and (service.restarts > 0 or service.health == "unhealthy"))
        ]

    def settled(self) -> bool:
        """Whether all are ready: for a second where nothing tells health, since what ends at once runs a moment."""
        return all(
            service.ready and (service.health or service.one_shot or self._lasts(service)) for service in self.services
        )

    def _has_failed(self, service: Service) -> bool:
        """Whether it has failed since this was made.

        One that was unhealthy before may get well; one that had its time to start, and became so, had its chance. A
        password that is refused for some time stays refused.
        """
        if time.monotonic() - self._refused.get(service.name, math.inf) >= _PATIENCE:
            return True
        if not self._has_changed(service):
            return False
        earlier = self._earlier[service.name].restarts
        restarts = service.restarts - (earlier if earlier <= service.restarts else 0)
        unhealthy = service.health == "unhealthy" and service.name in self._began
        return service.failed or unhealthy or restarts >= RESTARTS

    def _has_changed(self, service: Service) -> bool:
        earlier = self._earlier[service.name]
        if (earlier.started, earlier.restarts) != (service.started, service.restarts):
            return True
        # While the stack is started, an older container may be ended to make room for a newer one.
        return self.has_started and earlier.state != service.state

    def _lasts(self, service: Service) -> bool:
        if not self._has_changed(service):
            return True
        started, since = self._ready[service.name]
        return started == service.started and time.monotonic() - since >= _SETTLED

    def _tell(self) -> None:
        text = ", ".join(f"{service.name} ({service.described})" for service in self.waiting())
        if text and text != self._told:
            self._reporter.note(f"waiting for {text}")
        self._told = text
