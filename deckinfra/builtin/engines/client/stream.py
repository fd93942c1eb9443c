"""The output of a dump tool, read piece by piece while the tool runs, and never taken for whole when it is not."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deckinfra.core.command import Command, Completed
from deckinfra.errors import DatabaseError, TimeLimitError

from .tools import LIMIT, Tools

CLOSING: Final = b"-- Dump completed\n"
"""The last line of a dump that is whole, of both vendors, where no date is asked for."""

_AHEAD: Final = 4 * 1024 * 1024
"""Bytes that the tool may be ahead of whoever reads. Then it has to wait."""

_ENDING: Final = 60.0
"""Seconds that a tool which is not needed any more has to end."""

STALL: Final = 1800.0
"""Seconds that a tool may give nothing while its output is awaited: as long as it puts a large table in order."""

_HARMLESS: Final = re.compile(rb"(?:-- )?(?:[\w./-]+: )?\[?(?:warning|note|deprecated)\b", re.IGNORECASE)
"""What a line begins with that a tool says and that is no complaint. Whatever else it says is one."""

_ENDED_FROM_OUTSIDE: Final = frozenset({129, 130, 137, 143})
"""Exit codes of a tool that a signal ended."""


_NONE: Final = "What it gave is not taken for a backup."


class _AbandonedError(Exception):
    """Nobody wants the rest. Raised in the executor, which ends the tool then."""


class DumpStream:
    """A dump tool at work. Made by :func:`dumping`."""

    def __init__(self, tools: Tools, command: Command, stall: float) -> None:
        self._stall = stall
        self._tools = tools
        self._command = command
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ahead = 0
        self._over = False
        self._abandoned = False
        self._tail = b""
        self._completed: Completed | None = None
        self._error: BaseException | None = None
        self.warnings: tuple[str, ...] = ()

    def pieces(self) -> Iterator[bytes]:
        """Give the output as it comes. It ends when the tool has ended well: else with :class:`DatabaseError`.

        ``warnings`` has what the tool said besides, then. :class:`TimeLimitError` if nothing comes for too long.
        """
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._pieces or self._over, self._stall):
                    raise self._stalled()
                if not self._pieces:
                    break
                piece = self._pieces.popleft()
                self._ahead -= len(piece)
                self._changed.notify_all()
            self._tail = (self._tail + piece)[-len(CLOSING) :]
            yield piece
        self._judge()

    # In the thread that runs the tool ------------------------------------------------------------

    def run(self) -> None:
        """Run the tool to its end."""
        try:
            self._completed = self._tools.given.executor.run(self._command, stdin=self._input(), stdout=self._take)
        except BaseException as error:  # whatever it is, it is raised where the output is read
            self._error = error
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """End the tool, if it is not at its end anyway."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def _input(self) -> Iterator[bytes]:
        """Give the options. Then keep the input open: an error in it ends the tool, even one that says nothing."""
        yield self._tools.options()
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._abandoned)
            if self._abandoned:
                raise _AbandonedError

    def _take(self, piece: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ahead < _AHEAD or self._abandoned)
            if self._abandoned:
                raise _AbandonedError
            self._pieces.append(piece)
            self._ahead += len(piece)
            self._changed.notify_all()

    # ---------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Raise unless the tool ended well, complained of nothing, and wrote the closing line last."""
        name, where = self._tools.dump_name, self._tools.given.executor
        if isinstance(self._error, TimeLimitError):
            hours = LIMIT / 3600
            raise TimeLimitError(
                f"'{name}' on {where} was not done within {hours:g} h", hint="It was ended. No backup was made."
            ) from self._error
        if self._error is not None:
            raise self._error
        assert self._completed is not None
        said = self._tools.said(self._completed.stderr)
        lines = self._completed.stderr.splitlines()
        if not self._completed.ok:
            problem = f"ended with exit code {self._completed.returncode}: {said or 'it gave no reason'}"
        elif self._tail != CLOSING:
            problem = f"broke off: its output lacks the closing line{f'; it said: {said}' if said else ''}"
        elif not all(_HARMLESS.match(line) for line in lines if line.strip()):
            problem = f"complained: {said}"
        else:
            self.warnings = tuple(f"{name} said: {self._tools.said(line)}" for line in lines if line.strip())
            return
        raise DatabaseError(f"'{name}' on {where} {problem}", hint=f"{_NONE} {self._advice(said)}")

    def _advice(self, said: str) -> str:
        assert self._completed is not None
        if self._completed.returncode in _ENDED_FROM_OUTSIDE:
            return "It was ended from outside: was its container stopped, or did memory run out? Then run it again."
        if "denied" in said:
            return (
                "The account lacks a right: set DATABASE_ADMIN_USER to one that may read everything. On MySQL 9.7, "
                "that takes SELECT on all schemas, the server's own too: GRANT SELECT ON *.* TO ..."
            )
        return (
            "If tables were changed meanwhile, as by a migration, run it again; else look at what it said, and at the "
            "server's log."
        )

    def _stalled(self) -> TimeLimitError:
        name, where = self._tools.dump_name, self._tools.given.executor
        begun = "the next rows" if self._tail else "its first line"
        return TimeLimitError(
            f"'{name}' on {where} gave nothing for {self._stall / 60:g} min, while {begun} was awaited",
            hint=f"It was ended. {_NONE} Does the server answer, or is its container paused? Or does somebody hold a "
            "table locked, as ALTER TABLE does? Then run it again.",
        )


@contextmanager
def dumping(tools: Tools, command: Command, *, stall: float = STALL) -> Iterator[DumpStream]:
    """Run a dump tool while the context is open; it is ended with it.

    It may give nothing for ``stall`` seconds while its output is awaited.
    """
    stream = DumpStream(tools, command, stall)
    thread = threading.Thread(target=stream.run, name="dump", daemon=True)
    thread.start()
    try:
        yield stream
    finally:
        stream.abandon()
        thread.join(_ENDING)
