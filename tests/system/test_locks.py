"""The file lock: one holder at a time among real processes, and the kernel takes it back from the dead."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deckinfra.errors import LockedError
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner

HOLD = """
import sys
from pathlib import Path
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner
with file_lock(Path(sys.argv[1]), Owner.me("db.restore"), timeout=0, what="it"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock until it reads a line, and wait until it does."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "the lock"


def _try(path: Path, timeout: float = 0) -> Owner | None:
    with file_lock(path, Owner.me("db.migrate"), timeout=timeout, what="the database app.db") as died:
        return died


def test_a_lock_that_nobody_holds_is_taken_and_given_back(path: Path) -> None:
    assert _try(path) is None
    assert _try(path) is None
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_error_inside_gives_it_back_too(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), file_lock(path, Owner.me("x"), timeout=0, what="it"):
        raise ZeroDivisionError
    assert _try(path) is None


def test_another_process_is_kept_out_and_told_who_holds_it(path: Path) -> None:
    with holder(path) as process, pytest.raises(LockedError) as caught:
        _try(path)
    assert f"the database app.db is locked by db.restore (process {process.pid} on " in caught.value.message
    assert caught.value.hint == "Waited 0 s. Nothing was changed; run it again when that is done."


def test_another_thread_or_call_is_kept_out_as_well(path: Path) -> None:
    with (
        file_lock(path, Owner.me("db.restore"), timeout=0, what="it"),
        pytest.raises(LockedError, match=rf"process {os.getpid()} on"),
    ):
        _try(path)


def test_it_waits_until_the_other_has_done(path: Path) -> None:
    with holder(path) as process:
        began = time.monotonic()
        with pytest.raises(LockedError, match=r"db\.restore"):
            _try(path, timeout=0.3)
        assert time.monotonic() - began >= 0.3
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert _try(path, timeout=30) is None


def test_who_was_killed_while_holding_it_is_told_once(path: Path) -> None:
    with holder(path) as process:
        process.kill()
        process.wait()
    died = _try(path)
    assert died is not None
    assert (died.pid, died.purpose) == (process.pid, "db.restore")
    assert died.is_dead()
    assert _try(path) is None


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff"])
def test_a_lock_file_that_cannot_be_read_is_no_obstacle(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert _try(path) is None


def test_a_holder_that_cannot_be_read_is_another_process(path: Path) -> None:
    with holder(path):
        path.write_bytes(b"{")
        with pytest.raises(LockedError, match=r"the database app\.db is locked by another process"):
            _try(path)


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _try(tmp_path / "missing" / "lock")
