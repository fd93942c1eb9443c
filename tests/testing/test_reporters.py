from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from deckinfra.ports import Reporter
from deckinfra.testing import RecordingReporter


def test_what_was_said_is_remembered_in_order() -> None:
    recording = RecordingReporter()
    reporter: Reporter = recording
    reporter.step("back up")
    reporter.note("a note")
    reporter.warn("a warning")
    reporter.step("drill")
    assert recording.events == [("step", "back up"), ("note", "a note"), ("warn", "a warning"), ("step", "drill")]
    assert (recording.steps, recording.notes, recording.warnings) == (["back up", "drill"], ["a note"], ["a warning"])


def test_progress_is_added_up_from_many_threads_and_ends_with_its_context() -> None:
    recording = RecordingReporter()
    with recording.progress("load", 400, "rows") as progress, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: progress.advance(1), range(400)))
        assert not recording.shown[0].ended
    shown = recording.shown[0]
    assert (shown.label, shown.total, shown.unit, shown.done, shown.ended) == ("load", 400, "rows", 400, True)
