from __future__ import annotations

import time

import pytest

from deckinfra.errors import BlobNotFoundError, StoreError
from deckinfra.ports import MAX_BLOB
from deckinfra.testing import FaultyStore, MemoryStore, flipped, truncated


@pytest.fixture
def store() -> FaultyStore:
    store = FaultyStore(MemoryStore())
    store.put("objects/a", b"0123456789")
    store.put("snapshots/a", b"manifest")
    return store


def test_a_store_in_memory_takes_no_more_than_blobs_have() -> None:
    with pytest.raises(StoreError, match="a blob has at most"):
        MemoryStore().put("a", bytes(MAX_BLOB + 1))


def test_a_method_can_fail_once(store: FaultyStore) -> None:
    store.fail("get")
    with pytest.raises(StoreError, match="the connection to memory: was lost"):
        store.get("objects/a")
    assert store.get("objects/a") == b"0123456789"


def test_a_method_can_fail_for_ever_with_an_error_and_a_prefix_of_its_own(store: FaultyStore) -> None:
    store.fail("delete", times=None, prefix="objects/", error=BlobNotFoundError("gone"))
    store.delete("snapshots/a")
    for _ in range(3):
        with pytest.raises(BlobNotFoundError, match="gone"):
            store.delete("objects/a")
    assert [info.name for info in store.list()] == ["objects/a"]


@pytest.mark.parametrize("method", ["put", "get", "stat", "list", "delete", "sweep", "close"])
def test_every_method_can_fail_and_is_noted(store: FaultyStore, method: str) -> None:
    store.fail(method)
    arguments: tuple[object, ...] = {"put": ("x", b""), "sweep": (), "close": ()}.get(method, ("x",))
    with pytest.raises(StoreError):
        getattr(store, method)(*arguments)
    assert store.calls[-1] == (method, "x" if arguments else "")


def test_what_is_read_can_be_spoilt(store: FaultyStore) -> None:
    store.spoil("objects/", truncated)
    assert (store.get("objects/a"), store.get("snapshots/a")) == (b"01234", b"manifest")
    store.spoil("snapshots/", flipped)
    assert store.get("snapshots/a") == b"mani" + bytes([ord("f") ^ 1]) + b"est"


def test_it_can_be_slow(store: FaultyStore) -> None:
    store.slow(0.1)
    began = time.monotonic()
    store.stat("objects/a")
    assert time.monotonic() - began >= 0.1
