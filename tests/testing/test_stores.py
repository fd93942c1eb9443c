"""A suite is worth something only if it finds what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.errors import BlobExistsError
from deckinfra.ports import Store
from deckinfra.testing import StoreContract


class Careless(DirectoryStore):
    """Writes in place, looks before it writes, and takes any name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._place = folder

    def put(self, name: str, data: bytes, *, overwrite: bool = True) -> None:
        path = self._place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite and path.exists():
            raise BlobExistsError(name)
        time.sleep(0.001)
        with path.open("wb") as file:
            for start in range(0, len(data), 100_000):
                file.write(data[start : start + 100_000])
                file.flush()
                time.sleep(0.0005)


class TestCarelessStore:
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Store]:
        return partial(Careless, tmp_path / "store")

    def test_half_a_blob_is_found(self, open_store: Callable[[], Store]) -> None:
        with pytest.raises(AssertionError):
            StoreContract().test_readers_see_the_old_blob_or_the_new_one(open_store())

    def test_two_winners_are_found(self, open_store: Callable[[], Store]) -> None:
        with pytest.raises(AssertionError):
            StoreContract().test_of_writers_that_must_not_replace_exactly_one_succeeds(open_store)

    def test_what_a_killed_writer_left_is_found(self, open_store: Callable[[], Store]) -> None:
        with pytest.raises(AssertionError):
            StoreContract().test_a_writer_that_is_killed_leaves_whole_blobs_only(open_store)

    def test_a_name_that_leads_out_is_found(self, open_store: Callable[[], Store]) -> None:
        with pytest.raises(pytest.fail.Exception):
            StoreContract().test_names_that_are_not_allowed_are_refused(open_store(), "a/../b")
