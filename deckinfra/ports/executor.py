"""What runs commands in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from deckinfra.core.command import Command, Completed


class Executor(Protocol):
    """Runs commands in one place."""

    def run(
        self,
        command: Command,
        *,
        stdin: Iterable[bytes] = (),
        stdout: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """Run ``command`` to its end, in bounded memory. The exit code is the caller's to judge.

        ``stdin`` is fed as it comes; with ``stdout``, output goes there piece by piece and is not
        kept; otherwise the last MiB of it is. :class:`CommandError` when it cannot be started, and
        :class:`StackError` where that is since its place in a stack does not run;
        :class:`TimeLimitError`, with the command and its children ended, when its time is up.
        """

    def __str__(self) -> str:
        """Say where this runs, for messages."""
