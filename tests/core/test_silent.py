"""The reporter that says nothing."""

from __future__ import annotations

import pytest

from deckinfra.core.silent import SilentReporter
from deckinfra.ports import Reporter


def test_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    reporter: Reporter = SilentReporter()
    reporter.step("back up")
    reporter.note("done")
    reporter.warn("look")
    with reporter.progress("load", None) as progress:
        progress.advance(5)
    assert capsys.readouterr() == ("", "")
