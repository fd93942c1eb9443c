"""Progress on a terminal: bars that move, drawn by rich."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from deckinfra.ports import Progress
    from deckinfra.tasks.terminal import Terminal


class LiveReporter:
    """Draws one bar for each piece of work under way; rich is loaded when something is first shown."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.RLock()
        self._bars: Bars | None = None
        self._shown = 0

    def step(self, title: str) -> None:
        """Show the phase's title."""
        self._print(f"==> {title}", "bold")

    def note(self, text: str) -> None:
        """Show the note."""
        self._print(f"    {text}", "")

    def warn(self, text: str) -> None:
        """Show the warning."""
        self._print(f"warning: {text}", "yellow")

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "bytes") -> Iterator[Progress]:
        """Show a bar while the context is open."""
        with self._lock:
            bars = self._open()
            if self._shown == 0:
                bars.start()
            self._shown += 1
            row = bars.add_task(self._terminal.visible(label), total=total, unit=unit)
        try:
            yield _Row(bars, row)
        finally:
            with self._lock:
                bars.refresh()
                bars.remove_task(row)
                self._shown -= 1
                if self._shown == 0:
                    bars.stop()

    def _open(self) -> Bars:
        if self._bars is None:
            self._bars = _make_bars(self._terminal)
        return self._bars

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        with self._lock:
            self._open().console.print(Text(self._terminal.visible(text), style=style), soft_wrap=True)


class _Row:
    def __init__(self, bars: Bars, row: TaskID) -> None:
        self._bars = bars
        self._row = row

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self._bars.advance(self._row, amount)


def _make_bars(terminal: Terminal) -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    from deckinfra.tasks.text import amount

    class Amount(ProgressColumn):
        def render(self, task: Any) -> Text:
            unit = task.fields["unit"]
            done = amount(int(task.completed), unit)
            return Text(done if task.total is None else f"{done} of {amount(int(task.total), unit)}")

    return Bars(
        TextColumn("    {task.description}", markup=False),
        BarColumn(bar_width=30),
        Amount(),
        TimeRemainingColumn(),
        console=Console(file=terminal.stderr),
        transient=True,
    )
