"""Manifests in the store: found by what a person types, and any change to one noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.core.manifest import FORMAT, Manifest, Origin
from deckinfra.errors import BlobExistsError, DamagedError, RepositoryError, UnknownNameError
from deckinfra.repository import Repository
from deckinfra.repository.config import Config
from deckinfra.repository.layout import snapshot_name
from deckinfra.repository.snapshots import recover_config
from deckinfra.testing import FaultyStore, MemoryStore

from .support import NOON, change, flip, half, nothing, publish

DATA = {"cards": [b"Knight"]}


def _published(repository: Repository, identity: str, environment: str = "local") -> Manifest:
    """Publish a manifest with the given id."""
    manifest = replace(publish(repository, DATA, environment=environment), id=identity)
    for written in repository.snapshots.ids():
        if repository.snapshots.read(written).id not in KNOWN:
            repository.snapshots.delete(written)
    repository.snapshots.publish(manifest)
    return manifest


KNOWN = (
    "20261120T120000Z-aaaa0001",
    "20261121T120000Z-bbbb0002",
    "20261122T120000Z-cccc0003",
    "20261122T130000Z-dddd0004",
)


@pytest.fixture
def four(repository: Repository) -> list[Manifest]:
    """Publish four snapshots, the newest one of production."""
    environments = ("local", "local", "local", "production")
    return [_published(repository, *pair) for pair in zip(KNOWN, environments, strict=True)]


def test_ids_come_newest_first(repository: Repository, four: list[Manifest]) -> None:
    assert repository.snapshots.ids() == [manifest.id for manifest in reversed(four)]


def test_other_blobs_beside_them_are_no_snapshots(
    repository: Repository, store: MemoryStore, four: list[Manifest]
) -> None:
    for name in ("README", f"{KNOWN[0]}", f"more/{KNOWN[0]}.json", "20261120T120000Z-AAAA0001.json", "x.json"):
        store.put(f"snapshots/{name}", b"")
    repository.snapshots.delete(KNOWN[0])
    assert repository.snapshots.ids() == [manifest.id for manifest in reversed(four[1:])]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (KNOWN[0], KNOWN[0]),
        ("aaaa0001", KNOWN[0]),
        ("20261120", KNOWN[0]),
        ("20261122T12", KNOWN[2]),
        ("latest", KNOWN[2]),
        ("dddd0004", KNOWN[3]),
    ],
)
def test_a_snapshot_is_found_by_what_a_person_types(
    repository: Repository, four: list[Manifest], wanted: str, found: str
) -> None:
    assert repository.snapshots.resolve(wanted, Origin("deck", "local")) == found
    assert repository.snapshots.find(wanted, Origin("deck", "local")) == four[KNOWN.index(found)]


def test_latest_is_that_of_the_project_and_environment(repository: Repository, four: list[Manifest]) -> None:
    assert repository.snapshots.find("latest", Origin("deck", "production")) == four[3]
    with pytest.raises(UnknownNameError, match="of project 'shop'"):
        repository.snapshots.find("latest", Origin("shop", "production"))
    with pytest.raises(
        UnknownNameError, match="there is no snapshot of environment 'test' of project 'deck' in memory:"
    ):
        repository.snapshots.find("latest", Origin("deck", "test"))


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("20261122", "'20261122' fits 2 snapshots in memory:", KNOWN[3]),
        ("2", "'2' fits 4 snapshots in memory:", KNOWN[3]),
        ("aaaa", "unknown snapshot 'aaaa' in memory:", "'invoke db.backups' lists what there is."),
        ("", "unknown snapshot '' in memory:", "'invoke db.backups' lists what there is."),
        ("20261120T120000Z-aaaa0009", "unknown snapshot", f"Did you mean '{KNOWN[0]}'?"),
    ],
)
def test_what_is_not_found_or_not_clear_is_told(
    repository: Repository, four: list[Manifest], wanted: str, message: str, hint: str
) -> None:
    with pytest.raises(UnknownNameError, match=message) as caught:
        repository.snapshots.find(wanted, Origin("deck", "local"))
    assert hint in caught.value.hint


def test_a_manifest_is_published_once(repository: Repository, four: list[Manifest]) -> None:
    with pytest.raises(BlobExistsError):
        repository.snapshots.publish(four[0])


def test_one_that_was_deleted_meanwhile_is_unknown(repository: Repository, four: list[Manifest]) -> None:
    repository.snapshots.delete(KNOWN[0])
    repository.snapshots.delete(KNOWN[0])
    with pytest.raises(UnknownNameError, match=f"there is no snapshot {KNOWN[0]} any more"):
        repository.snapshots.read(KNOWN[0])


def test_every_flipped_bit_is_noticed(repository: Repository, store: MemoryStore) -> None:
    manifest = publish(repository, DATA)
    name = snapshot_name(manifest.id)
    stored = store.get(name)
    for position in range(len(stored)):
        store.put(name, flip(stored, position, position % 8))
        with pytest.raises(DamagedError, match=manifest.id):
            repository.snapshots.read(manifest.id)


@pytest.mark.parametrize("how", [half, nothing])
def test_one_that_was_cut_short_is_damaged(repository: Repository, store: MemoryStore, how: type) -> None:
    manifest = publish(repository, DATA)
    change(store, snapshot_name(manifest.id), how)
    with pytest.raises(DamagedError, match=manifest.id):
        repository.snapshots.read(manifest.id)


def test_a_copy_under_another_name_is_damaged(repository: Repository, store: MemoryStore, four: list[Manifest]) -> None:
    store.put(snapshot_name(KNOWN[1]), store.get(snapshot_name(KNOWN[0])))
    with pytest.raises(DamagedError, match=f"{KNOWN[1]} in memory: belongs to snapshot {KNOWN[0]}"):
        repository.snapshots.read(KNOWN[1])


def test_one_of_another_repository_is_damaged(repository: Repository, store: MemoryStore) -> None:
    manifest = publish(repository, DATA)
    other = Config.new()
    document = manifest.document()
    forged = {"manifest": document, "repository": other.document(), "checksum": other.checksum(document)}
    store.put(snapshot_name(manifest.id), encode(forged))
    with pytest.raises(DamagedError, match="was changed after it was written"):
        repository.snapshots.read(manifest.id)


def test_one_of_a_newer_format_is_refused(repository: Repository, store: MemoryStore) -> None:
    manifest = publish(repository, DATA)
    envelope = decode(store.get(snapshot_name(manifest.id)), "it")
    envelope["manifest"]["format"] = FORMAT + 1
    envelope["checksum"] = repository.config.checksum(envelope["manifest"])
    store.put(snapshot_name(manifest.id), encode(envelope))
    with pytest.raises(DamagedError, match=f"has format {FORMAT + 1}") as caught:
        repository.snapshots.read(manifest.id)
    assert caught.value.hint == "Update deckinfra to read it."


def test_the_config_is_recovered_from_any_whole_manifest(
    repository: Repository, store: MemoryStore, four: list[Manifest]
) -> None:
    for identity in KNOWN[:3]:
        change(store, snapshot_name(identity), half)
    assert recover_config(store) == repository.config


def test_a_manifest_that_does_not_fit_its_copy_recovers_nothing(
    repository: Repository, store: MemoryStore, four: list[Manifest]
) -> None:
    for identity in KNOWN:
        change(store, snapshot_name(identity), lambda data: data.replace(b'"rows":1', b'"rows":2'))
    assert recover_config(store) is None


def test_a_manifest_that_goes_meanwhile_recovers_nothing(store: MemoryStore, four: list[Manifest]) -> None:
    class Vanishing(FaultyStore):
        def get(self, name: str) -> bytes:
            self.delete(name)
            return super().get(name)

    assert recover_config(Vanishing(store)) is None


def test_a_copy_of_a_newer_config_is_refused(store: MemoryStore, repository: Repository) -> None:
    manifest = publish(repository, DATA, time=NOON + timedelta(days=1))
    envelope = decode(store.get(snapshot_name(manifest.id)), "it")
    envelope["repository"] = {"format": FORMAT + 1}
    store.put(snapshot_name(manifest.id), encode(envelope))
    with pytest.raises(RepositoryError, match=f"has format {FORMAT + 1}"):
        recover_config(store)
