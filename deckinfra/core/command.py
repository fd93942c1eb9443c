"""A command as a value: built in one place, run in another, compared in a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from deckinfra.core.secret import Secret


@dataclass(frozen=True)
class Command:
    """What to run. ``argv`` is a list of words, never a shell line, and never holds a secret.

    ``timeout`` is in seconds and covers the whole run. ``secrets`` are environment variables that an
    executor must hand over without showing them; ``env`` are the others, added to the executor's own.
    """

    argv: tuple[str, ...]
    timeout: float
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    cwd: PurePath | None = None

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True)
class Completed:
    """How a command ended: its exit code, and what it wrote where that was not streamed elsewhere."""

    returncode: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.returncode == 0
