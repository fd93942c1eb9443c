"""Owners of locks: told apart from whoever has their process number now, and dead only for certain."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.errors import DamagedError
from deckinfra.system.processes import Owner

DESCRIBE = """
import sys, time
from deckinfra.core.documents import encode
from deckinfra.system.processes import Owner
sys.stdout.buffer.write(encode(Owner.me("db.backup").document()) + b"\\n")
sys.stdout.flush()
time.sleep(60)
"""


@contextmanager
def another() -> Iterator[tuple[subprocess.Popen[bytes], Owner]]:
    """Start a process that describes itself and waits."""
    with subprocess.Popen([sys.executable, "-c", DESCRIBE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, Owner.from_document(decode(process.stdout.readline(), "it"), "it")
        finally:
            process.kill()


def test_an_owner_is_read_back_as_it_was_written() -> None:
    me = Owner.me("db.backup")
    assert Owner.from_document(decode(encode(me.document()), "it"), "it") == me


@pytest.mark.parametrize("name", sorted(Owner.me("x").document()))
@pytest.mark.parametrize("wrong", [None, True, [], "missing"], ids=repr)
def test_each_field_that_is_malformed_or_missing_is_named(name: str, wrong: Any) -> None:
    document = Owner.me("db.backup").document()
    if wrong == "missing":
        del document[name]
    else:
        document[name] = wrong
    with pytest.raises(DamagedError, match=f"it has no usable field '{name}'"):
        Owner.from_document(document, "it")


def test_an_owner_says_who_it_is() -> None:
    told = str(Owner.me("db.backup"))
    assert re.fullmatch(rf"db\.backup \(process {os.getpid()} on .+, since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)", told)


def test_this_process_is_alive() -> None:
    assert not Owner.me("db.backup").is_dead()


def test_a_process_is_dead_once_it_was_killed_even_before_it_is_buried() -> None:
    with another() as (process, owner):
        assert (owner.pid, owner.is_dead()) == (process.pid, False)
        process.send_signal(signal.SIGSTOP)
        assert not owner.is_dead()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner.is_dead(), "a zombie is dead"
        process.wait()
        assert owner.is_dead()


def test_a_process_number_that_was_used_again_is_another_process() -> None:
    me = Owner.me("db.backup")
    assert replace(me, started=str(int(me.started) - 1)).is_dead()


@pytest.mark.parametrize("boot", ["", "another boot/pid:[1]"])
def test_of_a_process_elsewhere_nothing_is_certain(boot: str) -> None:
    assert not replace(Owner.me("db.backup"), pid=2**22 + 1, machine="another", boot=boot).is_dead()


@pytest.mark.parametrize("pid", [2**22 + 1, 10**30])
def test_a_number_that_no_process_has_is_dead(pid: int) -> None:
    assert replace(Owner.me("db.backup"), pid=pid).is_dead()


@pytest.mark.parametrize("name", [b"a) Z 1 (", b"gr\xc3\xb6\xc3", b"\xff\xfe) R"])
def test_a_process_may_call_itself_anything(name: bytes) -> None:
    """The name is cut after 15 bytes, in the middle of a letter if need be."""
    libc = ctypes.CDLL(None)
    before = ctypes.create_string_buffer(16)
    libc.prctl(16, before)
    libc.prctl(15, name)
    try:
        me = Owner.me("db.backup")
        assert me.started.isdigit()
        assert not me.is_dead()
    finally:
        libc.prctl(15, before)


HIDDEN = """
import os, subprocess, sys
from deckinfra.core.documents import decode
from deckinfra.system.processes import Owner

owner = Owner.from_document(decode(sys.argv[1].encode(), "it"), "it")
if subprocess.run(["mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"]).returncode:
    sys.exit(77)
os.setgid(65534)
os.setuid(65534)
assert not os.path.exists(f"/proc/{owner.pid}")
sys.exit(3 if owner.is_dead() else 0)
"""


def test_a_process_that_the_kernel_hides_is_not_dead() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a /proc that hides processes")
    with another() as (process, owner):
        look = ["unshare", "--mount", sys.executable, "-c", HIDDEN]
        ended = subprocess.run([*look, encode(owner.document()).decode()], timeout=60, check=False)
        if ended.returncode == 77:
            pytest.skip("a /proc that hides processes cannot be mounted here")
        assert ended.returncode == 0
        process.kill()
        process.wait()
        ended = subprocess.run([*look, encode(owner.document()).decode()], timeout=60, check=False)
        assert ended.returncode == 3


NO_PROC = """
import subprocess, sys
if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/proc"]).returncode:
    sys.exit(77)
from dataclasses import replace
from deckinfra.system.processes import Owner

me = Owner.me("db.backup")
sys.exit(3 if me.is_dead() or replace(me, boot="x", pid=2**22 + 1).is_dead() or me.boot else 0)
"""


def test_where_the_kernel_tells_nothing_of_processes_none_is_certainly_dead() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can take /proc away")
    ended = subprocess.run(["unshare", "--mount", sys.executable, "-c", NO_PROC], timeout=60, check=False)
    if ended.returncode == 77:
        pytest.skip("/proc cannot be taken away here")
    assert ended.returncode == 0


NO_IDENTITY = """
import subprocess, sys
if subprocess.run(["mount", "--bind", sys.argv[1], "/etc/machine-id"]).returncode:
    sys.exit(77)
from dataclasses import replace
from deckinfra.system.processes import Owner

me = Owner.me("db.backup")
sys.exit(3 if me.machine or replace(me, boot="the boot before/pid:[1]").is_dead() else 0)
"""


@pytest.mark.parametrize("text", ["", "\n", "uninitialized\n"])
def test_an_identity_that_an_image_left_empty_is_none(tmp_path: Path, text: str) -> None:
    """Containers of one image, which are called the same on two machines, are not taken for one machine."""
    (tmp_path / "machine-id").write_text(text)
    if os.geteuid() != 0:
        pytest.skip("only root can change what the machine is known by")
    command = ["unshare", "--mount", sys.executable, "-c", NO_IDENTITY, str(tmp_path / "machine-id")]
    ended = subprocess.run(command, timeout=60, check=False)
    if ended.returncode == 77:
        pytest.skip("what the machine is known by cannot be changed here")
    assert ended.returncode == 0


def test_a_process_from_before_this_machine_was_started_anew_is_dead() -> None:
    before = replace(Owner.me("db.prune"), boot="the boot before/pid:[1]")
    assert before.is_dead()
    assert not replace(before, host="a copy of this machine").is_dead()
    assert not replace(before, machine="").is_dead()
    assert not replace(before, boot="").is_dead()


def test_this_process_is_alive_and_a_stranger_may_be() -> None:
    me = Owner.me("db.backup")
    assert me.is_alive()
    assert not replace(me, boot="another").is_alive()
    assert not replace(me, started="1").is_alive()
