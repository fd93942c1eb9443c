from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping

import pytest

from deckinfra.core.silent import SilentReporter
from deckinfra.errors import UsageError
from deckinfra.tasks.live import LiveReporter
from deckinfra.tasks.reporters import JsonReporter, PlainReporter, choose_reporter
from deckinfra.tasks.terminal import Terminal
from tests.tasks.support import FakeTerminal


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _terminal(stderr: io.StringIO | None = None) -> tuple[Terminal, io.StringIO]:
    err = stderr or io.StringIO()
    return Terminal(io.StringIO(), io.StringIO(), err), err


@pytest.mark.parametrize(
    ("chosen", "environ", "kind"),
    [
        (None, {}, PlainReporter),
        ("plain", {"DECKINFRA_PROGRESS": "json"}, PlainReporter),
        (None, {"DECKINFRA_PROGRESS": "json"}, JsonReporter),
        ("auto", {"DECKINFRA_PROGRESS": "json"}, PlainReporter),
        ("none", {}, SilentReporter),
        ("terminal", {}, LiveReporter),
    ],
)
def test_the_option_wins_over_the_variable(chosen: str | None, environ: Mapping[str, str], kind: type) -> None:
    assert kind is type(choose_reporter(chosen, environ, _terminal()[0]))


@pytest.mark.parametrize(("term", "kind"), [("xterm", LiveReporter), ("dumb", PlainReporter)])
def test_a_terminal_that_can_move_its_cursor_gets_bars(term: str, kind: type) -> None:
    assert kind is type(choose_reporter(None, {"TERM": term}, _terminal(FakeTerminal())[0]))


@pytest.mark.parametrize(("chosen", "environ"), [("loud", {}), (None, {"DECKINFRA_PROGRESS": "loud"})])
def test_another_kind_is_a_wrong_call(chosen: str | None, environ: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="is 'loud'") as caught:
        choose_reporter(chosen, environ, _terminal()[0])
    assert caught.value.hint == "Choose one of auto, terminal, plain, json, none."


def test_plain_lines_tell_steps_notes_and_warnings_apart() -> None:
    terminal, err = _terminal()
    reporter = PlainReporter(terminal)
    reporter.step("backup")
    reporter.note("nothing to do")
    reporter.warn("look")
    assert err.getvalue() == "==> backup\n    nothing to do\nwarning: look\n"


def test_plain_progress_is_told_only_now_and_then() -> None:
    terminal, err = _terminal()
    clock = Clock()
    reporter = PlainReporter(terminal, interval=10, clock=clock)
    with reporter.progress("reading", 4096) as bar, reporter.progress("rows", None, "rows") as rows:
        bar.advance(1024)
        clock.now = 10
        bar.advance(1024)
        bar.advance(1024)
        rows.advance(1500)
    assert err.getvalue() == "    reading: 2.0 KiB (50 %)\n    rows: 1,500 rows\n"


def test_json_progress_is_one_object_a_line_and_ends_with_the_total() -> None:
    terminal, err = _terminal()
    clock = Clock()
    reporter = JsonReporter(terminal, interval=1, clock=clock)
    reporter.step("backup")
    reporter.note("a")
    reporter.warn("b")
    with reporter.progress("reading", 10) as bar:
        bar.advance(4)
        clock.now = 2
        bar.advance(4)
        bar.advance(2)
    assert [json.loads(line) for line in err.getvalue().splitlines()] == [
        {"event": "step", "title": "backup"},
        {"event": "note", "text": "a"},
        {"event": "warning", "text": "b"},
        {"event": "progress", "label": "reading", "done": 8, "total": 10, "unit": "bytes"},
        {"event": "progress", "label": "reading", "done": 10, "total": 10, "unit": "bytes"},
    ]


def test_progress_counts_right_from_many_threads() -> None:
    terminal, err = _terminal()
    with JsonReporter(terminal).progress("reading", None) as bar:

        def advance() -> None:
            for _ in range(500):
                bar.advance(1)

        threads = [threading.Thread(target=advance) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert json.loads(err.getvalue().splitlines()[-1])["done"] == 2000
