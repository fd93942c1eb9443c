"""The contract of :class:`deckinfra.ports.Store`, as tests."""

# ruff: noqa: D102 - the name of a test says what it checks
from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import ClassVar, Final

import pytest

from deckinfra.errors import BlobExistsError, BlobNotFoundError, StoreError
from deckinfra.ports import MAX_BLOB, Store

_GOOD = ("a", "A-b_c.9", "config.json", "objects/ab/abcdef", "1/2/3/4/5/6/7/8", "x" * 100, "a..b", "-", "_/-")
_BAD = ("", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", ".a", "a/.b", "a b", "ä", "a\\b", "a\0", "a\n")
_NINE = "1/2/3/4/5/6/7/8/9"
_BLOB: Final = 4 * 1024 * 1024


class StoreContract:
    """Inherit as ``TestMyStore`` and give the fixture ``open_store``.

    ``open_store`` is a function without arguments that opens the same, at first empty, place at every
    call. Where ``separate`` is true it can be pickled (a module's function, or a
    :func:`functools.partial` of one), since a process of its own is killed while it writes there.
    """

    separate: ClassVar[bool] = True
    """Whether another process can open the place; False for what lives in memory."""

    @pytest.fixture
    def store(self, open_store: Callable[[], Store]) -> Iterator[Store]:
        """Open the place for one test."""
        store = open_store()
        yield store
        store.close()

    def test_what_was_put_is_given_back(self, store: Store) -> None:
        everything = bytes(range(256)) * 3
        store.put("objects/every-byte", everything)
        store.put("objects/nothing", b"")
        assert (everything, b"") == (store.get("objects/every-byte"), store.get("objects/nothing"))

    def test_the_largest_blob_is_given_back(self, store: Store) -> None:
        largest = b"0123456789abcdef" * (MAX_BLOB // 16)
        store.put("largest", largest)
        info = store.stat("largest")
        assert info is not None
        assert info.size == MAX_BLOB
        assert store.get("largest") == largest

    def test_a_put_replaces_what_was_there(self, store: Store) -> None:
        store.put("a/b", b"old and longer")
        store.put("a/b", b"new")
        assert store.get("a/b") == b"new"
        assert [(info.name, info.size) for info in store.list()] == [("a/b", 3)]

    def test_a_put_that_must_not_replace_does_not(self, store: Store) -> None:
        store.put("a", b"first", overwrite=False)
        with pytest.raises(BlobExistsError):
            store.put("a", b"second", overwrite=False)
        assert store.get("a") == b"first"

    def test_of_writers_that_must_not_replace_exactly_one_succeeds(self, open_store: Callable[[], Store]) -> None:
        writers = 8
        stores = [open_store() for _ in range(writers)]
        for attempt in range(5):
            gate = Barrier(writers)

            def write(number: int, name: str = f"race/{attempt}", gate: Barrier = gate) -> bool:
                gate.wait(30)
                try:
                    stores[number].put(name, b"%d" % number, overwrite=False)
                except BlobExistsError:
                    return False
                return True

            with ThreadPoolExecutor(writers) as pool:
                won = list(pool.map(write, range(writers)))
            assert won.count(True) == 1
            assert stores[0].get(f"race/{attempt}") == b"%d" % won.index(True)
        for store in stores:
            store.close()

    def test_readers_see_the_old_blob_or_the_new_one(self, store: Store) -> None:
        versions = [bytes([number]) * 1_000_000 for number in range(20)]
        store.put("a", versions[0])
        done = Event()

        def write() -> None:
            try:
                for version in versions:
                    store.put("a", version)
            finally:
                done.set()

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            seen = {store.get("a")}
            while not done.is_set():
                seen.add(store.get("a"))
            writing.result()
        assert seen <= set(versions)

    def test_one_object_serves_many_threads(self, store: Store) -> None:
        def work(number: int) -> bytes:
            store.put(f"threads/{number % 5}/{number}", b"%d" % number)
            return store.get(f"threads/{number % 5}/{number}")

        with ThreadPoolExecutor(8) as pool:
            assert [b"%d" % number for number in range(100)] == list(pool.map(work, range(100)))
        assert len(list(store.list("threads/"))) == 100

    def test_what_is_not_there_is_told(self, store: Store) -> None:
        with pytest.raises(BlobNotFoundError):
            store.get("nothing/here")
        assert store.stat("nothing/here") is None
        assert list(store.list()) == []
        store.delete("nothing/here")

    def test_a_folder_is_no_blob(self, store: Store) -> None:
        store.put("a/b/c", b"x")
        with pytest.raises(BlobNotFoundError):
            store.get("a/b")
        assert store.stat("a/b") is None
        store.delete("a/b")
        assert store.get("a/b/c") == b"x"

    def test_stat_tells_name_size_and_time(self, store: Store) -> None:
        store.put("a/b", b"12345")
        info = store.stat("a/b")
        assert info is not None
        assert (info.name, info.size) == ("a/b", 5)
        assert abs(info.modified - datetime.now(UTC)) < timedelta(days=1)

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("", ["a", "objects-old/x", "objects/ab/abc", "objects/ab/abd", "objects/b"]),
            ("objects", ["objects-old/x", "objects/ab/abc", "objects/ab/abd", "objects/b"]),
            ("objects/", ["objects/ab/abc", "objects/ab/abd", "objects/b"]),
            ("objects/ab", ["objects/ab/abc", "objects/ab/abd"]),
            ("objects/ab/abd", ["objects/ab/abd"]),
            ("a/", []),
            ("objects/ab/abd/more", []),
            ("nothing/at/all", []),
            ("../", []),
            ("/", []),
            ("objects//", []),
        ],
    )
    def test_list_gives_what_starts_with_the_prefix(self, store: Store, prefix: str, expected: list[str]) -> None:
        for name in ("a", "objects/ab/abc", "objects/ab/abd", "objects/b", "objects-old/x"):
            store.put(name, name.encode())
        found = list(store.list(prefix))
        assert expected == sorted(info.name for info in found)
        assert all(info.size == len(info.name) and info.modified.tzinfo is not None for info in found)

    def test_a_deleted_blob_is_gone_and_others_stay(self, store: Store) -> None:
        store.put("a/one", b"1")
        store.put("a/two", b"2")
        store.delete("a/one")
        store.delete("a/one")
        assert store.stat("a/one") is None
        assert [info.name for info in store.list()] == ["a/two"]
        store.put("a/one", b"again", overwrite=False)
        assert store.get("a/one") == b"again"

    def test_blobs_can_be_deleted_while_they_are_listed(self, store: Store) -> None:
        for number in range(50):
            store.put(f"objects/{number}", b"x")
        for info in store.list("objects/"):
            store.delete(info.name)
        assert list(store.list()) == []

    @pytest.mark.parametrize("name", _GOOD)
    def test_names_that_are_allowed_work(self, store: Store, name: str) -> None:
        store.put(name, b"x")
        assert store.get(name) == b"x"
        assert [info.name for info in store.list()] == [name]

    @pytest.mark.parametrize("name", [*_BAD, _NINE])
    def test_names_that_are_not_allowed_are_refused(self, store: Store, name: str) -> None:
        for attempt in (lambda: store.put(name, b"x"), lambda: store.get(name), lambda: store.stat(name)):
            with pytest.raises(StoreError):
                attempt()
        with pytest.raises(StoreError):
            store.delete(name)
        assert list(store.list()) == []

    def test_a_second_opening_sees_the_same_blobs(self, store: Store, open_store: Callable[[], Store]) -> None:
        store.put("a", b"x")
        other = open_store()
        assert other.get("a") == b"x"
        other.close()

    def test_sweeping_removes_no_blob(self, store: Store) -> None:
        store.put("a/b", b"x")
        assert store.sweep() == 0
        assert store.get("a/b") == b"x"

    def test_it_says_where_it_is_in_one_line(self, store: Store) -> None:
        assert str(store).strip()
        assert "\n" not in str(store)
        assert isinstance(store.cheap_reads, bool)

    def test_a_writer_that_is_killed_leaves_whole_blobs_only(self, open_store: Callable[[], Store]) -> None:
        if not self.separate:
            pytest.skip("no other process can open this store")
        store = open_store()
        for delay in (0.0, 0.013, 0.037):
            for info in list(store.list()):
                store.delete(info.name)
            writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(open_store,))
            writer.start()
            deadline = time.monotonic() + 60
            while store.stat("killed/0") is None and writer.is_alive() and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(delay)
            writer.kill()
            writer.join()
            found = {info.name: info.size for info in store.list()}
            assert "killed/0" in found, "the writer could not write"
            assert set(found.values()) == {_BLOB}
            assert all(store.get(name) == _content(int(name.rpartition("/")[2])) for name in found)
            store.sweep()
            assert found == {info.name: info.size for info in store.list()}
            assert store.sweep() == 0
        store.close()


def _write_for_ever(open_store: Callable[[], Store]) -> None:
    store = open_store()
    for number in range(1000):
        store.put(f"killed/{number}", _content(number))


def _content(number: int) -> bytes:
    return bytes([number % 256]) * _BLOB
