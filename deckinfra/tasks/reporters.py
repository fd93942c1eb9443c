"""Progress for people, for log files and for programs; all of it on stderr, from any thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.silent import SilentReporter
from deckinfra.errors import UsageError
from deckinfra.tasks.text import amount

if TYPE_CHECKING:
    from deckinfra.ports import Progress, Reporter
    from deckinfra.tasks.terminal import Terminal

KINDS: Final = ("auto", "terminal", "plain", "json", "none")
VARIABLE: Final = "DECKINFRA_PROGRESS"


def choose_reporter(chosen: str | None, environ: Mapping[str, str], terminal: Terminal) -> Reporter:
    """Give the reporter for ``--progress``, else for ``DECKINFRA_PROGRESS``, else for where stderr goes.

    A :class:`UsageError` names the kinds that there are.
    """
    source, kind = ("--progress", chosen) if chosen else (VARIABLE, environ.get(VARIABLE) or "auto")
    if kind not in KINDS:
        raise UsageError(f"{source} is '{kind}'", hint=f"Choose one of {', '.join(KINDS)}.")
    if kind == "auto":
        kind = "terminal" if terminal.stderr.isatty() and environ.get("TERM") != "dumb" else "plain"
    if kind == "terminal":
        from deckinfra.tasks.live import LiveReporter

        return LiveReporter(terminal)
    if kind == "json":
        return JsonReporter(terminal)
    return PlainReporter(terminal) if kind == "plain" else SilentReporter()


class PlainReporter:
    """One line for everything, for log files: progress that takes long says every ten seconds how far it is."""

    def __init__(self, terminal: Terminal, interval: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._interval = interval
        self._clock = clock

    def step(self, title: str) -> None:
        """Write the phase's title."""
        self._terminal.say(f"==> {title}")

    def note(self, text: str) -> None:
        """Write the note."""
        self._terminal.say(f"    {text}")

    def warn(self, text: str) -> None:
        """Write the warning."""
        self._terminal.say(f"warning: {text}")

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "bytes") -> Iterator[Progress]:
        """Write, now and then, how far it is."""

        def tell(done: int) -> None:
            share = f" ({min(done * 100 // total, 100)} %)" if total else ""
            self._terminal.say(f"    {label}: {amount(done, unit)}{share}")

        yield Meter(tell, self._interval, self._clock)


class JsonReporter:
    """One JSON object a line: ``{"event": "step", …}``; progress at most once a second, and at its end."""

    def __init__(self, terminal: Terminal, interval: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._interval = interval
        self._clock = clock

    def step(self, title: str) -> None:
        """Write ``{"event": "step", "title": …}``."""
        self._write({"event": "step", "title": title})

    def note(self, text: str) -> None:
        """Write ``{"event": "note", "text": …}``."""
        self._write({"event": "note", "text": text})

    def warn(self, text: str) -> None:
        """Write ``{"event": "warning", "text": …}``."""
        self._write({"event": "warning", "text": text})

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "bytes") -> Iterator[Progress]:
        """Write ``{"event": "progress", "label": …, "done": …, "total": …, "unit": …}``, and once more at the end."""

        def tell(done: int) -> None:
            self._write({"event": "progress", "label": label, "done": done, "total": total, "unit": unit})

        meter = Meter(tell, self._interval, self._clock)
        try:
            yield meter
        finally:
            tell(meter.done)

    def _write(self, event: Mapping[str, Any]) -> None:
        self._terminal.say(json.dumps({key: self._clean(value) for key, value in event.items()}))

    def _clean(self, value: Any) -> Any:
        return self._terminal.clean(value) if isinstance(value, str) else value


class Meter:
    """Counts, and calls ``tell`` with the count at most once in ``interval`` seconds. Thread-safe."""

    def __init__(self, tell: Callable[[int], None], interval: float, clock: Callable[[], float]) -> None:
        self.done = 0
        self._tell = tell
        self._interval = interval
        self._clock = clock
        self._next = clock() + interval
        self._lock = threading.Lock()

    def advance(self, amount: int) -> None:
        """Add ``amount`` to what is done."""
        with self._lock:
            self.done += amount
            now = self._clock()
            if now < self._next:
                return
            self._next = now + self._interval
            done = self.done
        self._tell(done)
