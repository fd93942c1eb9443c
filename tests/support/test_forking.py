"""Programs that are forked are as those that are started: arguments, environment, folder, streams, and their end."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forking import Forks

PROGRAM = """
import atexit, json, os, sys, time

atexit.register(lambda: print("the end"))
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), __name__, sys.path[0], sys.stdin.read()]))
print("wröng", file=sys.stderr)
if sys.argv[1] == "sleep":
    sys.stdout.flush()
    time.sleep(60)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    started = Forks()
    yield started
    started.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program_of_a_test.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


def test_a_program_gets_what_it_was_given_and_gives_what_it_wrote(forks: Forks, folder: Path) -> None:
    environ = {"ONE": "a b", "TZ": "UTC"}
    done = forks.run("program_of_a_test", ["7", "ä"], folder=folder, environ=environ, timeout=30)
    assert done.returncode == 7
    assert done.stderr == "wröng\n"
    first, last = done.stdout.splitlines()
    assert last == "the end"
    assert json.loads(first) == [["7", "ä"], environ, str(folder), "__main__", str(folder), ""]


def test_one_that_is_killed_ends_with_its_signal_and_one_that_takes_too_long_is_killed(
    forks: Forks, folder: Path
) -> None:
    with Path(os.devnull).open("rb") as nothing, (folder / "out").open("wb") as out:
        streams = (nothing, out, out)
        first = forks.start("program_of_a_test", ["sleep"], folder=folder, environ={}, streams=streams)
        second = forks.start("program_of_a_test", ["sleep"], folder=folder, environ={}, streams=streams)
        os.kill(second.pid, signal.SIGTERM)
        assert second.wait(30) == -signal.SIGTERM
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(0.5)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{first.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{first.pid}").exists()


def test_one_who_asks_and_dies_leaves_the_others_alone(forks: Forks, folder: Path) -> None:
    for said in (b"", struct.pack("i", 100), struct.pack("i", 100) + b"{"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(forks.address)
            connection.sendall(said)
    done = forks.run("program_of_a_test", ["0"], folder=folder, environ={}, timeout=30)
    assert done.returncode == 0


def test_what_is_no_program_says_so(forks: Forks, folder: Path) -> None:
    done = forks.run("no_such_program", [], folder=folder, environ={}, timeout=30)
    assert done.returncode == 1
    assert "No module named" in done.stderr
