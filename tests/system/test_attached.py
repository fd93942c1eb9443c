from __future__ import annotations

import os
import signal
import sys
from pathlib import Path, PurePath

import pytest

from deckinfra.core.command import Command
from deckinfra.core.secret import Secret
from deckinfra.errors import CommandError
from deckinfra.system.attached import run_attached


def shell(script: str, **more: object) -> Command:
    return Command(("sh", "-c", script), 1.0, **more)  # type: ignore[arg-type]


def test_the_exit_code_is_given_and_the_output_is_this_processs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = shell("pwd; echo $ONE $TWO >&2; exit 5", env={"ONE": "1"}, secrets={"TWO": Secret("2")})
    assert run_attached(command, tmp_path) == 5
    assert capfd.readouterr() == (f"{tmp_path}\n", "1 2\n")


def test_the_folder_and_the_variables_are_those_that_were_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    run_attached(shell("pwd; echo ${HOME-none}", cwd=PurePath("sub")), tmp_path, {"PATH": os.environ["PATH"]})
    assert capfd.readouterr().out == f"{tmp_path / 'sub'}\nnone\n"


def test_ctrl_c_is_the_commands_and_not_this_processs(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    script = "import os, signal; os.kill(os.getppid(), signal.SIGINT); signal.raise_signal(signal.SIGINT)"
    assert run_attached(Command((sys.executable, "-c", script), 1.0), tmp_path) in {1, 130, -signal.SIGINT}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="could not start 'no-such-command-here'"):
        run_attached(Command(("no-such-command-here",), 1.0), tmp_path)
