"""The reporter that says nothing: what a library uses unless it is given another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SilentReporter:
    """Implements :class:`deckinfra.ports.Reporter` and its progress by doing nothing."""

    def step(self, title: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "bytes") -> Iterator[SilentReporter]:
        """Show nothing while the context is open."""
        yield self

    def advance(self, amount: int) -> None:
        """Count nothing."""
