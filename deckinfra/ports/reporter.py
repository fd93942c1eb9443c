"""Where a service says what it is doing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """How far one long piece of work is."""

    def advance(self, amount: int) -> None:
        """Add ``amount`` to what is done. Thread-safe, and cheap enough to call for every chunk."""


class Reporter(Protocol):
    """Where a service says what it is doing. It never fails and never blocks for long."""

    def step(self, title: str) -> None:
        """Say that a phase begins: ``back up``, ``drill``."""

    def note(self, text: str) -> None:
        """Say something worth knowing: what was done, or that nothing needed to be."""

    def warn(self, text: str) -> None:
        """Say something that a person should look at; the work goes on."""

    def progress(self, label: str, total: int | None, unit: str = "bytes") -> AbstractContextManager[Progress]:
        """Show progress towards ``total`` of ``unit`` (None: not known) while the context is open."""
