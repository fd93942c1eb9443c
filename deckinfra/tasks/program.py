"""The console script ``deckinfra``: the same tasks, for projects that have no ``tasks.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program

import deckinfra
from deckinfra.errors import UsageError
from deckinfra.settings.project import SECTION

_LONG_ONLY: Final = {"debug", "echo"}


class DeckinfraProgram(Program):
    """Invoke's program, with exit code 2 for a call that is wrong, and ``-e`` and ``-d`` left to the tasks."""

    def core_args(self) -> list[Argument]:
        """Give Invoke's own options."""
        arguments: list[Argument] = super().core_args()
        for argument in arguments:
            if argument.name in _LONG_ONLY:
                argument.names = (argument.name,)
        return arguments

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the options before the first task."""
        self._parse(super().parse_core, argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their options."""
        self._parse(super().parse_tasks)

    def parse_cleanup(self) -> None:
        """Do what ``--help`` and ``--list`` ask for."""
        self._parse(super().parse_cleanup)

    def _parse(self, step: Any, *arguments: Any) -> None:
        try:
            step(*arguments)
        except ParseError as error:
            hint = "'deckinfra --list' shows the tasks, 'deckinfra --help TASK' its options, which come after its name."
            raise Exit(f"error: {error}\nhint: {hint}", code=UsageError.exit_code) from error


def find_project(start: Path) -> Path:
    """Give the nearest folder, ``start`` or above, whose ``setup.cfg`` has a ``[deckinfra]``; else ``start``."""
    for folder in (start, *start.parents):
        path = folder / "setup.cfg"
        if path.is_file() and f"[{SECTION}]" in path.read_text(encoding="utf-8", errors="replace"):
            return folder
    return start


def main() -> None:
    """Run the tasks that the command line names, in the project around the current folder."""
    from deckinfra.tasks.namespace import namespace

    try:
        tasks = namespace(find_project(Path.cwd()))
    except Exit as error:
        sys.exit(error.code)
    DeckinfraProgram(name="deckinfra", binary="deckinfra", version=deckinfra.__version__, namespace=tasks).run()
