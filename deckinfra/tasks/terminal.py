"""Where a task's output goes: results on stdout, everything else on stderr, and no secret on either."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final

from deckinfra.core.secret import redact
from deckinfra.errors import DeckinfraError

if TYPE_CHECKING:
    from deckinfra.core.secret import Secret


# What moves a cursor or changes a terminal, and the surrogates that no encoding has.
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class UnwritableError(DeckinfraError):
    """The result could not be written where it should go."""


class Terminal:
    """The two streams of one task. Thread-safe; every text passes through :meth:`visible`, or is JSON.

    The streams default to the process's. ``secrets`` gives, at any time, what must not be shown;
    ``advise`` puts the commands in a text as they have to be typed (:mod:`deckinfra.tasks.advice`).
    """

    def __init__(
        self,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
    ) -> None:
        # A process can be started without them, and then nobody reads and nobody writes.
        self.stdin = stdin or sys.stdin or io.StringIO()
        self.stdout = stdout or sys.stdout or io.StringIO()
        self.stderr = stderr or sys.stderr or io.StringIO()
        self.secrets: Callable[[], Iterable[Secret]] = tuple
        self.advise: Callable[[str], str] = str
        self._lock = threading.RLock()

    def clean(self, text: str) -> str:
        """Give ``text`` without secrets."""
        return redact(text, self.secrets())

    def visible(self, text: str) -> str:
        """Give ``text`` without secrets, and with control characters other than newline and tab as escapes."""
        return _INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], self.advise(self.clean(text)))

    # Results, on stdout --------------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        """Write one line of the result."""
        with self._writing():
            self.stdout.write(_fit(self.visible(text), self.stdout) + "\n")

    def lines(self, texts: Iterable[str]) -> None:
        """Write lines of the result."""
        for text in texts:
            self.line(text)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Write rows under ``headers``: a drawn table on a terminal, aligned text elsewhere.

        ``right`` gives the indexes of the columns that are numbers.
        """
        cells = [[_single_line(_fit(self.visible(cell), self.stdout)) for cell in row] for row in rows]
        if self.stdout.isatty():
            self._draw(headers, cells, right)
        else:
            self.lines(_aligned([list(headers), *cells], right))

    def document(self, value: Any) -> None:
        """Write a value of the services as one JSON document."""
        from deckinfra.services.results import document

        text = json.dumps(self._clean_values(document(value)), indent=2)
        with self._writing():
            self.stdout.write(text + "\n")

    def flush(self) -> None:
        """See to it that the result is written."""
        with self._writing():
            self.stdout.flush()

    # Everything else, on stderr ------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write one line beside the result. It never fails: nobody may be listening."""
        with self._lock, suppress(OSError, ValueError):
            self.stderr.write(_fit(self.visible(text), self.stderr) + "\n")
            self.stderr.flush()

    def is_interactive(self) -> bool:
        """Whether a person is there to be asked."""
        return self.stdin.isatty() and self.stderr.isatty()

    def ask(self, question: str) -> str:
        """Ask a person and give the answer, without white space around it; empty if there is none."""
        with self._lock:
            self.stderr.write(_fit(self.visible(question), self.stderr) + " ")
            self.stderr.flush()
            return self.stdin.readline().strip()

    # ---------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnwritableError(
                f"the output cannot be written: {error.strerror or error}",
                hint="What the task did stays done; only what it had to say is lost. Look where its output goes.",
            ) from error

    def _draw(self, headers: Sequence[str], cells: Iterable[Sequence[str]], right: Sequence[int]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, header in enumerate(headers):
            table.add_column(Text(header), justify="right" if index in right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        with self._writing():
            Console(file=self.stdout).print(table)

    def _clean_values(self, value: Any) -> Any:
        if isinstance(value, str):
            return redact(value, self.secrets())
        if isinstance(value, dict):
            return {key: self._clean_values(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._clean_values(entry) for entry in value]
        return value


def _fit(text: str, stream: IO[str]) -> str:
    """Give ``text`` with what the stream's encoding lacks written as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)


def _single_line(text: str) -> str:
    return " ".join(text.split("\n"))


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
