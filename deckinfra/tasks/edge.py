"""The edge: where an error becomes a line, a hint and an exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from invoke.exceptions import Exit

from deckinfra.errors import DeckinfraError
from deckinfra.tasks.terminal import UnwritableError

if TYPE_CHECKING:
    from deckinfra.tasks.terminal import Terminal

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 and the signal's number, as shells have it."""

UNREAD: Final = 141
"""Exit code when whoever read the output stopped reading: 128 and the number of SIGPIPE."""


@contextmanager
def edge(terminal: Terminal, *, debug: bool) -> Iterator[None]:
    """Turn whatever is raised inside into text on stderr and an :class:`invoke.exceptions.Exit` with its code.

    A traceback is shown with ``debug`` only.
    """
    try:
        try:
            yield
        except Exit:
            terminal.flush()
            raise
        terminal.flush()
    except Exit:
        raise
    except KeyboardInterrupt as error:
        _trace(terminal, error, debug)
        terminal.say("error: interrupted")
        terminal.say("hint: What was complete before is complete now; run it again, and it cleans up after this one.")
        raise Exit(code=INTERRUPTED) from error
    except BrokenPipeError as error:
        _let_go_of_stdout()
        raise Exit(code=UNREAD) from error
    except DeckinfraError as error:
        if isinstance(error, UnwritableError):
            _let_go_of_stdout()
        _trace(terminal, error, debug)
        terminal.say(f"error: {_one_line(error.message)}")
        if error.hint:
            terminal.say(f"hint: {_one_line(error.hint)}")
        raise Exit(code=error.exit_code) from error
    except Exception as error:
        _trace(terminal, error, debug)
        terminal.say(f"error: unexpected {type(error).__name__}: {_one_line(str(error)) or 'no message'}")
        terminal.say(
            "hint: This is a fault of deckinfra or of a plugin: run it again with --debug, and report what it shows."
        )
        raise Exit(code=DeckinfraError.exit_code) from error


def _trace(terminal: Terminal, error: BaseException, debug: bool) -> None:
    if debug:
        terminal.say("".join(traceback.format_exception(error)).rstrip())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _let_go_of_stdout() -> None:
    """Point stdout at nothing, so that Python does not try once more, and complain, as it exits."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)
