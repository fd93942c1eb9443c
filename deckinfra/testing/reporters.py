"""A reporter that remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class RecordedProgress:
    """Implements :class:`deckinfra.ports.Progress`: what was announced, and how much was done."""

    label: str
    total: int | None
    unit: str
    done: int = 0
    ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def advance(self, amount: int) -> None:
        """Add ``amount`` to what is done."""
        with self._lock:
            self.done += amount


class RecordingReporter:
    """Implements :class:`deckinfra.ports.Reporter`. ``events`` has every step, note and warning in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.shown: list[RecordedProgress] = []

    def step(self, title: str) -> None:
        """Remember that a phase begins."""
        self.events.append(("step", title))

    def note(self, text: str) -> None:
        """Remember something worth knowing."""
        self.events.append(("note", text))

    def warn(self, text: str) -> None:
        """Remember a warning."""
        self.events.append(("warn", text))

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "bytes") -> Iterator[RecordedProgress]:
        """Remember how far it went, and whether it ended."""
        shown = RecordedProgress(label, total, unit)
        self.shown.append(shown)
        try:
            yield shown
        finally:
            shown.ended = True

    @property
    def steps(self) -> list[str]:
        """The titles of all phases."""
        return self._of("step")

    @property
    def notes(self) -> list[str]:
        """All notes."""
        return self._of("note")

    @property
    def warnings(self) -> list[str]:
        """All warnings."""
        return self._of("warn")

    def _of(self, kind: str) -> list[str]:
        return [text for event, text in self.events if event == kind]
