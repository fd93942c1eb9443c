from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from deckinfra.errors import DamagedError
from deckinfra.tasks.edge import edge
from deckinfra.tasks.terminal import Terminal
from tests.tasks.support import Project


def _fail(error: BaseException, *, debug: bool = False) -> tuple[int, str]:
    err = io.StringIO()
    with pytest.raises(Exit) as caught, edge(Terminal(io.StringIO(), io.StringIO(), err), debug=debug):
        raise error
    return caught.value.code, err.getvalue()


def test_an_error_of_ours_is_a_line_a_hint_and_its_exit_code() -> None:
    assert _fail(DamagedError("the\nmanifest is cut short", hint="Take\n another.")) == (
        8,
        "error: the manifest is cut short\nhint: Take another.\n",
    )


def test_an_error_without_a_hint_is_one_line() -> None:
    assert _fail(DamagedError("gone")) == (8, "error: gone\n")


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError("x\ny"), "ValueError: x y"), (KeyError(), "KeyError: no message")]
)
def test_any_other_error_is_a_line_too(error: Exception, said: str) -> None:
    code, err = _fail(error)
    assert (code, len(err.splitlines())) == (1, 2)
    assert f"error: unexpected {said}" in err
    assert "--debug" in err


@pytest.mark.parametrize("error", [DamagedError("gone"), ValueError("odd"), KeyboardInterrupt()])
def test_a_traceback_comes_with_debug_only(error: BaseException) -> None:
    assert "Traceback" not in _fail(error)[1]
    assert "Traceback" in _fail(error, debug=True)[1]


def test_an_interruption_ends_with_130() -> None:
    code, err = _fail(KeyboardInterrupt())
    assert (code, err.splitlines()[0]) == (130, "error: interrupted")


def test_an_exit_inside_stays_as_it_is() -> None:
    assert _fail(Exit(code=7)) == (7, "")


def test_a_reader_who_stops_reading_is_no_fault(ready: Project) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "env.show", "--json"],
        cwd=ready.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (141, b"")


@pytest.mark.parametrize("words", [["db.backup"], ["env.show", "--json"], ["env.check"]], ids=str)
def test_output_that_cannot_be_written_is_a_line_and_a_hint(ready: Project, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words], cwd=ready.root, stdout=full, stderr=subprocess.PIPE, check=False
        )
    said = done.stderr.decode().splitlines()
    assert (done.returncode, said[-2]) == (1, "error: the output cannot be written: No space left on device")
    assert said[-1].startswith("hint: What the task did stays done")
