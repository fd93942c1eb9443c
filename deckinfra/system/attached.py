"""Runs a command with this process's terminal, for a person who works at it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from deckinfra.core.command import Command
from deckinfra.errors import CommandError


def run_attached(command: Command, folder: Path, environ: Mapping[str, str] | None = None) -> int:
    """Run ``command`` in ``folder`` on this process's own streams until it ends, and give its exit code.

    ``environ`` defaults to this process's. Ctrl-C is the command's: it does not end this process. The command's
    time limit is not kept, as a person ends it. :class:`CommandError` when it cannot be started.
    """
    secrets = {name: secret.reveal() for name, secret in command.secrets.items()}
    variables = {**(os.environ if environ is None else environ), **command.env, **secrets}
    try:
        with _interrupts_left_to_the_command():
            return subprocess.run(command.argv, cwd=folder / (command.cwd or ""), env=variables, check=False).returncode
    except OSError as error:
        raise CommandError(
            f"could not start '{command.argv[0]}': {error.strerror or error}", hint="Nothing was run. Is it installed?"
        ) from error


@contextmanager
def _interrupts_left_to_the_command() -> Iterator[None]:
    # A handler, not SIG_IGN: that the command would inherit.
    def leave(number: int, frame: FrameType | None) -> None:
        """Do nothing."""

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
