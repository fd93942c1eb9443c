"""Locks in the store: who shares, who is kept out, who is dead, and what happens when one is taken away."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.documents import decode, encode
from deckinfra.errors import DamagedError, LockedError, StoreError
from deckinfra.ports import Reporter, Store
from deckinfra.repository.layout import LOCKS, lock_name
from deckinfra.repository.locks import STALE, Held, bury, has_dead, hold
from deckinfra.system.processes import Owner
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter

HOLD = """
import sys
from pathlib import Path
from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.core.silent import SilentReporter
from deckinfra.repository.locks import hold
store = DirectoryStore(Path(sys.argv[1]))
with hold(store, sys.argv[2], exclusive=sys.argv[2] == "db.prune", timeout=0, reporter=SilentReporter()):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(folder: Path, purpose: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds a lock until it reads a line, and wait until it does."""
    command = [sys.executable, "-c", HOLD, str(folder), purpose]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@contextmanager
def held(store: Store, reporter: Reporter, *, exclusive: bool, timeout: float = 0) -> Iterator[Held]:
    """Hold a lock."""
    purpose = "db.prune" if exclusive else "db.backup"
    with hold(store, purpose, exclusive=exclusive, timeout=timeout, reporter=reporter) as lock:
        yield lock


def _locks(store: Store) -> list[str]:
    return [blob.name for blob in store.list(LOCKS)]


def _foreign(store: Store, *, exclusive: bool) -> str:
    """Put the lock of somebody on another machine there."""
    owner = replace(Owner.me("db.backup"), host="elsewhere", machine="elsewhere", boot="elsewhere")
    name = lock_name("0000")
    store.put(name, encode({"exclusive": exclusive, "owner": owner.document()}))
    return name


def _modified(store: Store, name: str) -> datetime:
    info = store.stat(name)
    assert info is not None
    return info.modified


def _age(folder: Path, name: str, age: timedelta) -> None:
    then = time.time() - age.total_seconds()
    os.utime(folder / name, (then, then))


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_lock_is_there_while_it_is_held(store: MemoryStore, reporter: RecordingReporter, exclusive: bool) -> None:
    with held(store, reporter, exclusive=exclusive) as lock:
        (name,) = _locks(store)
        document = decode(store.get(name), "it")
        lock.check()
    assert document["exclusive"] is exclusive
    assert Owner.from_document(document["owner"], "it").pid == os.getpid()
    assert (_locks(store), has_dead(store), reporter.events) == ([], False, [])


def test_it_is_given_back_after_an_error(store: MemoryStore, reporter: RecordingReporter) -> None:
    with pytest.raises(ZeroDivisionError), held(store, reporter, exclusive=True):
        raise ZeroDivisionError
    assert _locks(store) == []


def test_those_who_share_do_not_wait(store: MemoryStore, reporter: RecordingReporter) -> None:
    with held(store, reporter, exclusive=False), held(store, reporter, exclusive=False):
        assert len(_locks(store)) == 2


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False), (True, True)])
def test_who_wants_it_alone_keeps_others_out(
    store: MemoryStore, reporter: RecordingReporter, first: bool, second: bool
) -> None:
    with held(store, reporter, exclusive=first):
        with pytest.raises(LockedError) as caught, held(store, reporter, exclusive=second):
            pass
        assert len(_locks(store)) == 1
    purpose = "db.prune" if first else "db.backup"
    assert f"memory: is in use by {purpose} (process {os.getpid()} on " in caught.value.message
    assert caught.value.hint == "Waited 0 s. Nothing was changed; run it again when that is done."


def test_it_waits_for_its_turn(store: MemoryStore, reporter: RecordingReporter) -> None:
    order = []
    taken = threading.Event()

    def first() -> None:
        with held(store, reporter, exclusive=True):
            taken.set()
            time.sleep(0.3)
            order.append("first")

    other = threading.Thread(target=first)
    other.start()
    taken.wait(30)
    with held(store, reporter, exclusive=False, timeout=30):
        order.append("second")
    other.join()
    assert order == ["first", "second"]


def test_of_many_that_want_it_alone_one_at_a_time_has_it(store: MemoryStore, reporter: RecordingReporter) -> None:
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        with held(store, reporter, exclusive=True, timeout=60):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, _locks(store)) == (1, [])


def test_a_rival_that_appears_at_the_same_moment_wins(store: MemoryStore, reporter: RecordingReporter) -> None:
    class Race(FaultyStore):
        def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
            super().put(name, data, overwrite=overwrite)
            _foreign(self._store, exclusive=True)

    with pytest.raises(LockedError, match="on elsewhere"), held(Race(store), reporter, exclusive=False):
        pass
    assert _locks(store) == [lock_name("0000")]


def test_a_lock_that_goes_while_it_is_looked_at_is_no_rival(store: MemoryStore, reporter: RecordingReporter) -> None:
    class Vanishing(FaultyStore):
        def get(self, name: str) -> bytes:
            self.delete(name)
            return super().get(name)

    _foreign(store, exclusive=True)
    with held(Vanishing(store), reporter, exclusive=True):
        pass


@pytest.mark.parametrize("purpose", ["db.backup", "db.prune"])
def test_another_process_keeps_prune_out(tmp_path: Path, reporter: RecordingReporter, purpose: str) -> None:
    store = DirectoryStore(tmp_path)
    with holder(tmp_path, purpose) as process:
        with (
            pytest.raises(LockedError, match=rf"{purpose} \(process {process.pid} on"),
            held(store, reporter, exclusive=True),
        ):
            pass
        if purpose == "db.backup":
            with held(store, reporter, exclusive=False):
                pass


def test_the_lock_of_a_process_that_was_killed_is_passed_by_until_somebody_cleans_up(
    tmp_path: Path, reporter: RecordingReporter
) -> None:
    store = DirectoryStore(tmp_path)
    with holder(tmp_path, "db.prune") as process:
        assert not has_dead(store)
        process.kill()
        process.wait()
        assert has_dead(store)
        with held(store, reporter, exclusive=False):
            assert len(_locks(store)) == 2
        with held(store, reporter, exclusive=True):
            bury(store, reporter)
            assert len(_locks(store)) == 1
    (note,) = reporter.notes
    assert note.startswith(f"took away the lock of db.prune (process {process.pid} on ")
    assert not has_dead(store)


def test_a_lock_from_elsewhere_counts_until_it_is_stale(tmp_path: Path, reporter: RecordingReporter) -> None:
    store = DirectoryStore(tmp_path)
    name = _foreign(store, exclusive=True)
    _age(tmp_path, name, STALE - timedelta(minutes=1))
    with pytest.raises(LockedError, match="on elsewhere"), held(store, reporter, exclusive=False):
        pass
    assert not has_dead(store)
    _age(tmp_path, name, STALE + timedelta(minutes=1))
    assert has_dead(store)
    with held(store, reporter, exclusive=True):
        bury(store, reporter)
    assert _locks(store) == []


def test_a_lock_that_was_taken_away_is_noticed(store: MemoryStore, reporter: RecordingReporter) -> None:
    with held(store, reporter, exclusive=False) as lock:
        store.delete(*_locks(store))
        with pytest.raises(LockedError, match="was lost while the work went on") as caught:
            lock.check()
    assert caught.value.hint == "Every backup that is listed is whole. Was this machine asleep? Run it again."


def test_a_lock_that_became_stale_is_lost_for_good(tmp_path: Path, reporter: RecordingReporter) -> None:
    """Whoever slept through half an hour cannot know who has passed the lock by."""
    store = DirectoryStore(tmp_path)
    refresh = timedelta(milliseconds=100)
    with hold(store, "db.prune", exclusive=True, timeout=0, reporter=reporter, refresh=refresh) as lock:
        (name,) = _locks(store)
        lock.check()
        while datetime.now(UTC) - _modified(store, name) < STALE:  # it may be refreshed just then
            _age(tmp_path, name, STALE + timedelta(minutes=1))
            time.sleep(0.3)
        with pytest.raises(LockedError, match="was lost while the work went on"):
            lock.check()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"owner":{}}', b'{"owner":1,"exclusive":true}'])
def test_a_lock_that_cannot_be_read_says_what_to_do(
    store: MemoryStore, reporter: RecordingReporter, content: bytes
) -> None:
    store.put(lock_name("0000"), content)
    with (
        pytest.raises(DamagedError, match=r"the lock locks/0000\.json in memory:") as caught,
        held(store, reporter, exclusive=False),
    ):
        pass
    assert caught.value.hint == "If nobody is at work there, delete that file."
    assert _locks(store) == [lock_name("0000")]


def test_nothing_is_left_behind_when_looking_for_rivals_fails(store: MemoryStore, reporter: RecordingReporter) -> None:
    class Failing(FaultyStore):
        def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
            super().put(name, data, overwrite=overwrite)
            self.fail("list")

    with pytest.raises(StoreError, match="was lost"), held(Failing(store), reporter, exclusive=False):
        pass
    assert _locks(store) == []


def _hold_a_while(store: Store, reporter: Reporter, seconds: float) -> None:
    refresh = timedelta(milliseconds=5)
    with hold(store, "db.backup", exclusive=False, timeout=0, reporter=reporter, refresh=refresh):
        time.sleep(seconds)


def test_a_lock_is_refreshed_while_it_is_held(store: MemoryStore, reporter: RecordingReporter) -> None:
    watched = FaultyStore(store)
    _hold_a_while(watched, reporter, 0.2)
    puts = [name for method, name in watched.calls if method == "put"]
    assert len(puts) > 3
    assert (len(set(puts)), _locks(store), reporter.events) == (1, [], [])


def test_a_lock_that_was_taken_away_is_not_made_again(store: MemoryStore, reporter: RecordingReporter) -> None:
    refresh = timedelta(milliseconds=5)
    with hold(store, "db.backup", exclusive=False, timeout=0, reporter=reporter, refresh=refresh):
        store.delete(*_locks(store))
        time.sleep(0.1)
        assert _locks(store) == []


def test_a_refresh_that_fails_is_warned_of_and_tried_again(store: MemoryStore, reporter: RecordingReporter) -> None:
    faulty = FaultyStore(store)
    faulty.fail("stat", times=1)
    _hold_a_while(faulty, reporter, 0.2)
    assert reporter.warnings == ["could not refresh the lock on memory:: the connection to memory: was lost"]
    assert sum(method == "put" for method, _ in faulty.calls) > 1


def test_a_lock_that_cannot_be_given_back_is_warned_of(store: MemoryStore, reporter: RecordingReporter) -> None:
    faulty = FaultyStore(store)
    with held(faulty, reporter, exclusive=False):
        faulty.fail("delete")
    assert reporter.warnings == [
        "could not take back the lock on memory:: the connection to memory: was lost; it will be taken for dead"
    ]
