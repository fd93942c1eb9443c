from __future__ import annotations

import io

from deckinfra.core.secret import Secret
from deckinfra.tasks.live import LiveReporter
from deckinfra.tasks.terminal import Terminal
from tests.tasks.support import FakeTerminal


def test_lines_and_bars_share_a_terminal() -> None:
    err = FakeTerminal()
    terminal = Terminal(io.StringIO(), io.StringIO(), err)
    terminal.secrets = lambda: [Secret("hunter22")]
    reporter = LiveReporter(terminal)
    reporter.step("backup [x]")
    with reporter.progress("reading [y] hunter22", 2048) as first:
        first.advance(1024)
        with reporter.progress("rows", None, "rows") as second:
            second.advance(7)
            reporter.note("half of it")
        first.advance(1024)
    with reporter.progress("again", 1) as third:
        third.advance(1)
    reporter.warn("look at hunter22")
    seen = err.getvalue()
    for text in (
        "==> backup [x]",
        "half of it",
        "warning: look at •••",
        "reading [y] •••",
        "2.0 KiB of 2.0 KiB",
        "7 rows",
    ):
        assert text in seen
    assert "hunter22" not in seen
