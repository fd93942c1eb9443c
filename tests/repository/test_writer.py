"""Writing a snapshot: what is there is not stored again, and what is damaged is."""

from __future__ import annotations

import random

import pytest

from deckinfra.core.manifest import Facts
from deckinfra.errors import StoreError
from deckinfra.ports import Chunk
from deckinfra.repository import Repository
from deckinfra.repository.layout import object_name
from deckinfra.repository.lists import CHUNKS_IN_A_LIST
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter

from .support import change, contents_of, half, middle, nothing, objects, open_repository, publish

NOISE = random.Random(7)
CHUNKS = [NOISE.randbytes(1000) for _ in range(20)]


def test_the_first_snapshot_stores_everything_and_counts_it(repository: Repository, store: MemoryStore) -> None:
    manifest = publish(repository, {"cards": CHUNKS})
    stored = objects(store)
    assert (manifest.added_objects, manifest.added_bytes) == (len(stored), sum(stored.values()))
    assert (len(stored), manifest.size) == (21, 20_000)
    assert contents_of(repository, manifest) == {"cards": CHUNKS}


def test_the_second_one_of_the_same_data_stores_nothing(repository: Repository, store: MemoryStore) -> None:
    publish(repository, {"cards": CHUNKS})
    before = objects(store)
    manifest = publish(repository, {"cards": CHUNKS})
    assert (manifest.added_objects, manifest.added_bytes, objects(store)) == (0, 0, before)


def test_a_chunk_that_changed_is_stored_with_its_list_and_nothing_else(
    repository: Repository, store: MemoryStore
) -> None:
    publish(repository, {"cards": CHUNKS})
    before = objects(store)
    changed = [*CHUNKS[:5], b"changed", *CHUNKS[6:]]
    manifest = publish(repository, {"cards": changed})
    added = objects(store).keys() - before.keys()
    assert (len(added), manifest.added_objects) == (2, 2)
    assert object_name(repository.codec.identity(b"changed")) in added
    assert contents_of(repository, manifest) == {"cards": changed}


def test_equal_chunks_of_several_parts_are_one_object(repository: Repository, store: MemoryStore) -> None:
    manifest = publish(repository, {"a": CHUNKS, 'it\'s "größe"': CHUNKS, "none": []})
    assert len(objects(store)) == 21
    assert contents_of(repository, manifest) == {"a": CHUNKS, 'it\'s "größe"': CHUNKS}


def test_equal_chunks_that_come_at_once_are_stored_and_counted_once(
    store: MemoryStore, reporter: RecordingReporter
) -> None:
    slow = FaultyStore(store)
    repository = open_repository(slow, reporter, threads=8)
    slow.slow(0.01)
    manifest = publish(repository, {"blank": [bytes(1000)] * 40})
    stored = objects(store)
    assert (manifest.added_objects, manifest.added_bytes) == (len(stored), sum(stored.values()))
    assert len(stored) == 2
    assert contents_of(repository, manifest) == {"blank": [bytes(1000)] * 40}


def test_parts_may_come_mixed_and_keep_their_own_order(repository: Repository) -> None:
    writer = repository.writer()
    mixed = [Chunk("table", name, data) for data in (b"1", b"2", b"3") for name in ("b", "a")]
    with repository.reporter.progress("back up", None) as progress:
        writer.write(iter(mixed), progress)
    parts = writer.parts([Facts("table", "b", rows=3), Facts("table", "c", rows=0)])
    assert [part.facts for part in parts] == [Facts("table", "b", rows=3), Facts("table", "a")]
    assert [(part.size, part.chunks) for part in parts] == [(3, 3), (3, 3)]
    assert len({part.lists for part in parts}) == 1


def test_a_long_part_has_several_lists(repository: Repository) -> None:
    many = [b"%d" % number for number in range(CHUNKS_IN_A_LIST + 1)]
    manifest = publish(repository, {"long": many})
    assert [len(part.lists) for part in manifest.parts] == [2]
    assert contents_of(repository, manifest) == {"long": many}


def test_a_part_that_fills_its_list_has_no_empty_one(repository: Repository) -> None:
    manifest = publish(repository, {"long": [b"%d" % number for number in range(CHUNKS_IN_A_LIST)]})
    assert [len(part.lists) for part in manifest.parts] == [1]


@pytest.mark.parametrize("how", [middle, half, nothing])
def test_an_object_that_was_damaged_is_stored_again_with_a_warning(
    repository: Repository, store: MemoryStore, reporter: RecordingReporter, how: type
) -> None:
    old = publish(repository, {"cards": CHUNKS})
    name = object_name(repository.codec.identity(CHUNKS[3]))
    whole = objects(store)
    change(store, name, how)
    manifest = publish(repository, {"cards": CHUNKS})
    (warning,) = reporter.warnings
    assert name.rpartition("/")[2][:12] in warning
    assert "it is stored again, which also mends older snapshots" in warning
    assert (manifest.added_objects, objects(store)) == (1, whole)
    assert contents_of(repository, old) == {"cards": CHUNKS}


def test_an_object_that_was_deleted_is_stored_again(repository: Repository, store: MemoryStore) -> None:
    old = publish(repository, {"cards": CHUNKS})
    store.delete(object_name(repository.codec.identity(CHUNKS[3])))
    assert publish(repository, {"cards": CHUNKS}).added_objects == 1
    assert contents_of(repository, old) == {"cards": CHUNKS}


def test_where_reading_is_dear_only_absence_and_emptiness_are_looked_for(store: MemoryStore) -> None:
    remote = FaultyStore(store)
    remote.cheap_reads = False
    repository = open_repository(remote)
    publish(repository, {"cards": CHUNKS})
    remote.calls.clear()
    store.delete(object_name(repository.codec.identity(CHUNKS[0])))
    change(store, object_name(repository.codec.identity(CHUNKS[1])), nothing)
    assert publish(repository, {"cards": CHUNKS}).added_objects == 2
    assert [name for method, name in remote.calls if method == "get"] == []


def test_an_error_of_the_store_ends_it(store: MemoryStore) -> None:
    faulty = FaultyStore(store)
    repository = open_repository(faulty)
    faulty.fail("put", prefix=object_name(repository.codec.identity(CHUNKS[7])))
    with pytest.raises(StoreError, match="was lost"):
        publish(repository, {"cards": CHUNKS})
    assert repository.snapshots.ids() == []


def test_progress_tells_every_byte(repository: Repository, reporter: RecordingReporter) -> None:
    publish(repository, {"cards": CHUNKS, "decks": CHUNKS})
    (shown,) = reporter.shown
    assert (shown.done, shown.ended) == (40_000, True)
