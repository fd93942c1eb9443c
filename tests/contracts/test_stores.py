"""The stores in the box, and the fakes, keep the contract of a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from deckinfra.plugins import PluginManager
from deckinfra.ports import Store
from deckinfra.testing import FaultyStore, MemoryStore, StoreContract
from tests.contracts.opening import open_store_of


class TestDirectoryStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Store]:
        return partial(open_store_of, tmp_path, "file:some place/with 'quotes' and ä", {})


class TestMemoryStore(StoreContract):
    separate: ClassVar[bool] = False

    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        store = MemoryStore()
        return lambda: store


class TestFaultyStoreWithoutFaults(StoreContract):
    separate: ClassVar[bool] = False

    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        store = FaultyStore(MemoryStore())
        return lambda: store


class TestCopyOfTheDirectoryStoreInTheProjectsPlugins(StoreContract):
    """A built-in has no privilege: switched off, and its source put into plugins/, it is the same."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Store]:
        from deckinfra.builtin.stores import directory

        assert directory.__file__ is not None
        plugins = tmp_path / "plugins"
        plugins.mkdir()
        (plugins / "my_directory.py").write_text(Path(directory.__file__).read_text())
        environ = {"DECKINFRA_DISABLE_PLUGINS": "store-directory"}
        records = {record.name: record for record in PluginManager.load(tmp_path, environ).records}
        assert records["store-directory"].status == "disabled"
        assert (records["my_directory"].status, records["my_directory"].origin) == ("loaded", "project")
        return partial(open_store_of, tmp_path, "file:backups", environ)
