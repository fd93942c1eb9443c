"""Commands as values."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from deckinfra.core.command import Command, Completed
from deckinfra.core.secret import Secret


def test_commands_are_compared_by_what_they_run() -> None:
    first = Command(("mysql", "--version"), timeout=5, cwd=PurePosixPath("/srv"))
    assert first == Command(("mysql", "--version"), timeout=5, cwd=PurePosixPath("/srv"))
    assert first != Command(("mysql", "--version"), timeout=6, cwd=PurePosixPath("/srv"))


def test_a_command_reads_as_its_words() -> None:
    assert str(Command(("docker", "compose", "up"), timeout=5)) == "docker compose up"


def test_a_command_shows_no_secret() -> None:
    command = Command(("mysql",), timeout=5, env={"TZ": "UTC"}, secrets={"MYSQL_PWD": Secret("hunter22")})
    assert "MYSQL_PWD" not in repr(command)
    assert "hunter22" not in f"{command!r} {command}"


@pytest.mark.parametrize(("code", "ok"), [(0, True), (1, False), (-9, False)])
def test_only_exit_code_zero_is_well(code: int, ok: bool) -> None:
    assert Completed(code).ok is ok
