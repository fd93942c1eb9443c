"""A set of ids that may be larger than memory."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys

import pytest

from deckinfra.repository.idset import id_set

OVERFLOW = """
import hashlib, resource, signal, sys
from deckinfra.errors import StoreError
from deckinfra.repository.idset import id_set

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, 1024 * 1024))
try:
    with id_set() as ids:
        for number in range(1_000_000):
            ids.add(hashlib.sha256(b"%d" % number).hexdigest())
except StoreError as error:
    print(error.message)
    print(error.hint)
"""

MANY = """
import hashlib, resource
from deckinfra.repository.idset import id_set

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with id_set() as ids:
    for number in range(100_000):
        ids.add(hashlib.sha256(b"%d" % number).hexdigest())
    assert len(ids) == 100_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def _id(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def test_a_set_holds_what_was_added_and_nothing_else() -> None:
    with id_set() as ids:
        assert (len(ids), _id(1) in ids) == (0, False)
        assert ids.add(_id(1))
        assert not ids.add(_id(1))
        assert ids.add(_id(2))
        assert (len(ids), _id(1) in ids, _id(3) in ids) == (2, True, False)


def test_sets_have_nothing_to_do_with_each_other() -> None:
    with id_set() as first, id_set() as second:
        first.add(_id(1))
        assert _id(1) not in second


def test_it_is_gone_in_the_end() -> None:
    with id_set() as ids:
        ids.add(_id(1))
    with pytest.raises(sqlite3.ProgrammingError):
        ids.add(_id(2))


def test_a_hundred_thousand_take_little_memory() -> None:
    ended = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=60, check=True)
    assert int(ended.stdout) < 10_000  # kB; as a set in memory they take 13 MB


def test_no_room_for_it_is_told() -> None:
    ended = subprocess.run([sys.executable, "-c", OVERFLOW], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[0].startswith("a temporary list of the stored objects could not be kept: ")
    assert "What is stored is as it was." in ended.stdout
