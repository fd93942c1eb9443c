"""Reading a snapshot back: in order, and no wrong byte is ever given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from deckinfra.core.manifest import Manifest
from deckinfra.errors import DamagedError, StoreError
from deckinfra.repository import Repository
from deckinfra.repository.layout import object_name
from deckinfra.testing import FaultyStore, MemoryStore

from .support import change, contents_of, half, middle, nothing, open_repository, publish

CHUNKS = [b"chunk %d " % number * 50 for number in range(30)]


@pytest.fixture
def manifest(repository: Repository) -> Manifest:
    return publish(repository, {"cards": CHUNKS})


def test_parts_and_details_are_the_manifests(repository: Repository, manifest: Manifest) -> None:
    reader = repository.reader(manifest)
    assert (reader.parts, reader.details) == (manifest.parts, manifest.details)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        (middle, "cannot be decompressed|does not hold what was written"),
        (half, "does not hold what was written"),
        (nothing, "does not hold what was written"),
    ],
)
@pytest.mark.parametrize("position", [0, 17, 29])
def test_a_damaged_chunk_stops_the_reading_before_it_is_given(
    repository: Repository,
    store: MemoryStore,
    manifest: Manifest,
    how: Callable[[bytes], bytes],
    what: str,
    position: int,
) -> None:
    identity = repository.codec.identity(CHUNKS[position])
    change(store, object_name(identity), how)
    given: list[bytes] = []
    with pytest.raises(DamagedError, match=what) as caught:
        given.extend(repository.reader(manifest).read(manifest.parts[0]))
    assert given == CHUNKS[: len(given)]
    assert len(given) <= position
    assert f"snapshot {manifest.id} in memory: is damaged: object {identity[:12]}…" in caught.value.message
    assert caught.value.hint.startswith("Nothing live was changed. 'invoke db.verify' tells which snapshots are whole;")


def test_a_missing_chunk_is_damage(repository: Repository, store: MemoryStore, manifest: Manifest) -> None:
    store.delete(object_name(repository.codec.identity(CHUNKS[0])))
    with pytest.raises(DamagedError, match=rf"snapshot {manifest.id} in memory: is damaged: object \w+… is missing"):
        contents_of(repository, manifest)


@pytest.mark.parametrize("how", [middle, half, nothing])
def test_a_damaged_list_is_damage(
    repository: Repository, store: MemoryStore, manifest: Manifest, how: Callable[[bytes], bytes]
) -> None:
    change(store, object_name(manifest.parts[0].lists[0]), how)
    with pytest.raises(DamagedError, match=f"snapshot {manifest.id} in memory: is damaged"):
        contents_of(repository, manifest)


def test_two_objects_that_were_exchanged_are_damage(
    repository: Repository, store: MemoryStore, manifest: Manifest
) -> None:
    first, second = (object_name(repository.codec.identity(CHUNKS[position])) for position in (3, 4))
    one, two = store.get(first), store.get(second)
    store.put(first, two)
    store.put(second, one)
    with pytest.raises(DamagedError, match="does not hold what was written"):
        contents_of(repository, manifest)


def test_what_is_named_as_a_list_and_is_none_is_damage(repository: Repository, manifest: Manifest) -> None:
    part = replace(manifest.parts[0], lists=(repository.codec.identity(CHUNKS[0]),))
    with pytest.raises(DamagedError, match="is not a list of chunks"):
        contents_of(repository, replace(manifest, parts=(part,)))


def test_a_part_of_another_size_is_damage(repository: Repository, manifest: Manifest) -> None:
    part = replace(manifest.parts[0], size=7)
    with pytest.raises(DamagedError, match=r"table 'cards' has \d+ bytes instead of 7"):
        contents_of(repository, replace(manifest, parts=(part,)))


def test_a_chunk_of_another_size_than_its_list_says_is_damage(repository: Repository, store: MemoryStore) -> None:
    codec = repository.codec
    listed = f"{codec.identity(CHUNKS[0])} 5\n".encode()
    store.put(object_name(codec.identity(listed)), codec.encode(listed))
    manifest = publish(repository, {"cards": CHUNKS})
    part = replace(manifest.parts[0], lists=(codec.identity(listed),))
    with pytest.raises(DamagedError, match=rf"has {len(CHUNKS[0])} bytes instead of 5"):
        contents_of(repository, replace(manifest, parts=(part,)))


def test_an_error_of_the_store_comes_through_as_it_is(store: MemoryStore) -> None:
    faulty = FaultyStore(store)
    repository = open_repository(faulty)
    manifest = publish(repository, {"cards": CHUNKS})
    faulty.fail("get", times=None)
    with pytest.raises(StoreError, match="was lost"):
        contents_of(repository, manifest)


def test_an_object_is_asked_for_again_when_the_store_failed_once(store: MemoryStore) -> None:
    faulty = FaultyStore(store)
    repository = open_repository(faulty)
    manifest = publish(repository, {"cards": CHUNKS})
    faulty.fail("get")
    assert contents_of(repository, manifest) == {"cards": CHUNKS}


def test_an_object_that_alone_cannot_be_read_is_damaged(store: MemoryStore) -> None:
    faulty = FaultyStore(store)
    repository = open_repository(faulty)
    manifest = publish(repository, {"cards": CHUNKS})
    faulty.fail("get", times=None, prefix="objects/")
    with pytest.raises(DamagedError, match=r"object .* cannot be read: the connection to .* was lost"):
        contents_of(repository, manifest)


def test_reading_may_stop_early(repository: Repository, manifest: Manifest) -> None:
    reading = repository.reader(manifest).read(manifest.parts[0])
    assert next(reading) == CHUNKS[0]
    del reading
