"""Watching services while they start: which are ready, which are waited for, and for which waiting is of no use."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from deckinfra.errors import DeckinfraError

if TYPE_CHECKING:
    from deckinfra.ports import Reporter, Service, Stack

RESTARTS: Final = 3
"""How often a service may end and be started again while it is waited for: one that needs another may, at first."""

WRONG_PASSWORD: Final = re.compile(r"Access denied for user", re.IGNORECASE)
"""What a database's health check says, or its log, where a password is refused."""

_SETTLED: Final = 1.0
_PATIENCE: Final = 10.0
"""Seconds for which a database may refuse a password that it is yet to be given."""


class Watch:
    """Looks at the services of ``names`` (none: all) that are waited for, and says which whenever that changes.

    Made before anything is started, so that what failed earlier is not taken for a failure of now. With ``alone``, what
    they need is not started, and so of no concern.
    """

    def __init__(self, stack: Stack, names: Sequence[str], reporter: Reporter, *, alone: bool = False) -> None:
        self._stack = stack
        self._names = frozenset(names)
        self._alone = alone
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
            if WRONG_PASSWORD.search(service.detail):
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
        """Give those for which waiting is of no use any more, what others need included."""
        return [service for service in self._concerned if self._has_failed(service)]

    def broken(self) -> Sequence[Service]:
        """Give those that have failed, or did once: where the start has failed, that is why."""
        return [
            service
            for service in self._concerned
            if self._has_failed(service)
            or (self._has_changed(service) and (service.restarts > 0 or service.health == "unhealthy"))
        ]

    @property
    def _concerned(self) -> Sequence[Service]:
        """Those that are waited for, and what is started for them: others may fail as they like."""
        if not self._names or self._alone:
            return self.services
        known = {service.name: service for service in self._all}
        found: set[str] = set()
        rest = list(self._names)
        while rest:
            name = rest.pop()
            if name in known and name not in found:
                found.add(name)
                rest += known[name].needs
        return [service for service in self._all if service.name in found]

    def settled(self) -> bool:
        """Whether all are ready: for a second where nothing tells health, since what ends at once runs a moment."""
        return all(
            service.ready and (service.health or service.one_shot or self._lasts(service)) for service in self.services
        )

    def _has_failed(self, service: Service) -> bool:
        """Whether it has failed since this was made.

        One that was unhealthy before may get well; one that had its time to start, and became so, had its chance:
        also one that was started since, and was unhealthy when it was first looked at, as on a machine that has much
        to do. A password that is refused for some time stays refused.
        """
        if time.monotonic() - self._refused.get(service.name, math.inf) >= _PATIENCE:
            return True
        if not self._has_changed(service):
            return False
        earlier = self._earlier[service.name].restarts
        if not self.has_started and 0 < earlier <= service.restarts:
            return False  # it ended again and again before, and is about to make room for a newer one
        restarts = service.restarts - (earlier if earlier <= service.restarts else 0)
        began = service.name in self._began or service.started != self._earlier[service.name].started
        unhealthy = service.health == "unhealthy" and began
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


def described(service: Service) -> str:
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
