"""Verify: every kind of damage is found, told with the snapshots concerned, and kept as their proof."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.manifest import Manifest, Origin
from deckinfra.errors import DamagedError, RepositoryError, StoreError, UnknownNameError, UsageError
from deckinfra.repository import Repository
from deckinfra.repository.layout import LOCKS, object_name, snapshot_name
from deckinfra.services.results import VerifyResult
from deckinfra.services.verify import verify
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter
from tests.repository.support import NOON, change, half, middle, nothing, objects, open_repository, publish

COMMON = [b"common %d " % number * 30 for number in range(5)]
OLD = [*COMMON, b"only in the old one" * 10]
NEW = [*COMMON, b"only in the new one" * 10]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repository(store: MemoryStore, reporter: RecordingReporter) -> Repository:
    return open_repository(store, reporter)


@pytest.fixture
def two(repository: Repository) -> tuple[Manifest, Manifest]:
    """Publish two snapshots that share five chunks of six."""
    return publish(repository, {"cards": OLD}), publish(repository, {"cards": NEW}, time=NOON + timedelta(days=1))


def _verify(repository: Repository, wanted: str | None = None) -> VerifyResult:
    return verify(
        repository, wanted, origin=Origin("deck", "local"), clock=lambda: NOON + timedelta(days=2, microseconds=7)
    )


def _sampled(repository: Repository, percent: float) -> VerifyResult:
    return verify(repository, None, origin=Origin("deck", "local"), sample=percent, chance=random.Random(7))


def _damaged(result: VerifyResult) -> set[str]:
    return {proof.snapshot for proof in result.proofs if not proof.good}


def _chunk(repository: Repository, data: bytes) -> str:
    return object_name(repository.codec.identity(data))


def test_what_is_whole_is_proven_and_each_object_is_read_once(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    result = _verify(repository)
    assert [proof.snapshot for proof in result.proofs] == [two[1].id, two[0].id]
    assert all(proof.good for proof in result.proofs)
    assert result.problems == ()
    assert result.objects == len(objects(store)) == 5 + 2 + 2
    assert [proof.objects for proof in result.proofs] == [7, 2]
    assert result.repository == "memory:"
    assert result.bytes == sum(map(len, {*OLD, *NEW})) + 2 * 6 * (64 + 1 + 3 + 1)


def test_proofs_are_kept(repository: Repository, two: tuple[Manifest, Manifest]) -> None:
    result = _verify(repository)
    assert [repository.proofs.of(proof.snapshot) for proof in result.proofs] == [
        [replace(proof, seconds=round(proof.seconds, 3))] for proof in result.proofs
    ]
    assert {proof.time for proof in result.proofs} == {NOON + timedelta(days=2)}
    assert {proof.kind for proof in result.proofs} == {"verify"}


def test_one_snapshot_alone_may_be_verified(repository: Repository, two: tuple[Manifest, Manifest]) -> None:
    assert [proof.snapshot for proof in _verify(repository, "latest").proofs] == [two[1].id]
    assert [proof.snapshot for proof in _verify(repository, two[0].id[-8:]).proofs] == [two[0].id]
    with pytest.raises(UnknownNameError):
        _verify(repository, "19990101")


def test_of_an_empty_repository_there_is_nothing_to_say(repository: Repository) -> None:
    result = _verify(repository)
    assert (result.objects, result.proofs, result.problems) == (0, (), ())


@pytest.mark.parametrize("how", [middle, half, nothing])
@pytest.mark.parametrize(
    ("data", "concerned"), [(OLD[-1], {0}), (NEW[-1], {1}), (COMMON[0], {0, 1})], ids=["old", "new", "common"]
)
def test_a_damaged_chunk_is_found_and_concerns_those_that_need_it(
    repository: Repository,
    store: MemoryStore,
    two: tuple[Manifest, Manifest],
    how: Callable[[bytes], bytes],
    data: bytes,
    concerned: set[int],
) -> None:
    change(store, _chunk(repository, data), how)
    result = _verify(repository)
    assert _damaged(result) == {two[number].id for number in concerned}
    for proof in result.proofs:
        assert all(f"object {repository.codec.identity(data)[:12]}…" in problem for problem in proof.problems)
        assert len(proof.problems) == (proof.snapshot in _damaged(result))


def test_a_deleted_chunk_is_found(repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]) -> None:
    store.delete(_chunk(repository, COMMON[2]))
    result = _verify(repository)
    assert _damaged(result) == {two[0].id, two[1].id}
    identity = repository.codec.identity(COMMON[2])[:12]
    assert [proof.problems for proof in result.proofs] == [
        (f"object {identity}… is missing",),
        (f"object {identity}… is damaged or missing",),
    ]


@pytest.mark.parametrize("how", [middle, half, nothing, None])
def test_a_damaged_or_missing_list_is_found(
    repository: Repository,
    store: MemoryStore,
    two: tuple[Manifest, Manifest],
    how: Callable[[bytes], bytes] | None,
) -> None:
    name = object_name(two[0].parts[0].lists[0])
    if how is None:
        store.delete(name)
    else:
        change(store, name, how)
    result = _verify(repository)
    assert _damaged(result) == {two[0].id}
    assert [len(proof.problems) for proof in result.proofs] == [0, 1]


def test_exchanged_objects_are_found(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    first, second = _chunk(repository, OLD[-1]), _chunk(repository, NEW[-1])
    one, other = store.get(first), store.get(second)
    store.put(first, other)
    store.put(second, one)
    assert _damaged(_verify(repository)) == {two[0].id, two[1].id}


@pytest.mark.parametrize("how", [middle, half, nothing])
def test_a_damaged_manifest_is_found_and_the_others_are_verified(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest], how: Callable[[bytes], bytes]
) -> None:
    change(store, snapshot_name(two[1].id), how)
    result = _verify(repository)
    (problem,) = result.problems
    assert two[1].id in problem
    assert [(proof.snapshot, proof.good) for proof in result.proofs] == [(two[0].id, True)]


def test_a_damaged_manifest_that_was_asked_for_is_a_finding_and_no_error(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    change(store, snapshot_name(two[0].id), middle)
    result = _verify(repository, two[0].id)
    assert (len(result.problems), result.proofs) == (1, ())


def test_which_one_is_the_latest_cannot_be_said_beyond_a_damaged_manifest(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    change(store, snapshot_name(two[1].id), middle)
    with pytest.raises(DamagedError, match=two[1].id):
        _verify(repository, "latest")


def test_a_damaged_config_is_found(store: MemoryStore, repository: Repository) -> None:
    change(store, "config.json", middle)
    with pytest.raises(RepositoryError, match=r"config\.json"):
        open_repository(store)


def test_a_part_that_does_not_add_up_is_found(repository: Repository) -> None:
    manifest = publish(repository, {"cards": OLD})
    for number, (size, chunks) in enumerate([(7, manifest.parts[0].chunks), (manifest.parts[0].size, 7)], start=1):
        part = replace(manifest.parts[0], size=size, chunks=chunks)
        forged = replace(manifest, id=f"20261122T120000Z-0000000{number}", parts=(part,))
        repository.snapshots.publish(forged)
        ((problem,),) = [proof.problems for proof in _verify(repository, forged.id).proofs]
        assert problem == (
            f"table 'cards' has {manifest.parts[0].size} bytes in 6 chunks instead of {size} in {chunks}"
        )


def test_what_is_named_as_a_list_and_is_none_is_found(repository: Repository) -> None:
    manifest = publish(repository, {"cards": OLD})
    part = replace(manifest.parts[0], lists=(repository.codec.identity(OLD[0]),))
    repository.snapshots.publish(replace(manifest, id="20261122T120000Z-00000001", parts=(part,)))
    (proof,) = _verify(repository, "00000001").proofs
    assert proof.problems == (f"list {repository.codec.identity(OLD[0])[:12]}… is not a list of chunks",)


def test_of_very_many_problems_the_first_twenty_are_told(repository: Repository, store: MemoryStore) -> None:
    publish(repository, {"cards": [b"%d" % number for number in range(50)]})
    for name in objects(store):
        if len(store.get(name)) < 100:
            store.delete(name)
    (proof,) = _verify(repository).proofs
    assert len(proof.problems) == 21
    assert proof.problems[-1] == "and 30 more"


def test_damage_that_was_mended_is_proven_good_again(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    change(store, _chunk(repository, COMMON[0]), middle)
    _verify(repository)
    publish(repository, {"cards": NEW}, time=NOON + timedelta(days=3))
    assert _damaged(_verify(repository)) == set()
    assert [listed.proof is not None and listed.proof.good for listed in repository.listed()] == [True] * 3


def test_a_sample_reads_so_many_objects_of_each_list_and_says_what_it_is(repository: Repository) -> None:
    manifest = publish(repository, {"cards": [b"card %d" % number for number in range(40)], "one": [b"row"]})
    result = _sampled(repository, 10)
    assert result.objects == 4 + 1 + 2
    (proof,) = result.proofs
    assert (proof.kind, proof.percent, proof.objects, proof.good, proof.proves) == ("sample", 10, 7, True, False)
    assert replace(repository.proofs.of(manifest.id)[0], seconds=proof.seconds) == proof
    read = {_sampled(repository, 10).objects, _sampled(repository, 99.9).objects}
    assert read == {7, 40 + 1 + 2}


def test_a_sample_finds_what_it_comes_upon_and_always_a_damaged_list(
    repository: Repository, store: MemoryStore
) -> None:
    manifest = publish(repository, {"cards": [b"card %d" % number for number in range(40)]})
    for number in range(40):
        change(store, _chunk(repository, b"card %d" % number), middle)
    (proof,) = _sampled(repository, 5).proofs
    assert (proof.good, len(proof.problems)) == (False, 2)
    change(store, object_name(manifest.parts[0].lists[0]), middle)
    assert not _sampled(repository, 0.1).proofs[0].good


@pytest.mark.parametrize("percent", [0, 100, -1, float("nan")])
def test_a_sample_of_nothing_or_all_is_none(repository: Repository, percent: float) -> None:
    with pytest.raises(UsageError, match="a sample is more than 0 and less than 100 percent"):
        _sampled(repository, percent)


def test_where_nothing_can_be_written_it_verifies_all_the_same(
    repository: Repository, store: MemoryStore, reporter: RecordingReporter, two: tuple[Manifest, Manifest]
) -> None:
    faulty = FaultyStore(store)
    faulty.fail("put", times=None, error=StoreError("it is not allowed"))
    result = _verify(open_repository(faulty, reporter))
    assert [proof.good for proof in result.proofs] == [True, True]
    assert reporter.warnings == [
        "reading without a lock: it is not allowed",
        f"the proof of snapshot {two[1].id} could not be kept: it is not allowed",
        f"the proof of snapshot {two[0].id} could not be kept: it is not allowed",
    ]


def test_a_store_that_cannot_be_read_is_an_error_and_proves_nothing(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    faulty = FaultyStore(store)
    opened = open_repository(faulty)
    before = threading.active_count()
    faulty.fail("get", times=None)
    with pytest.raises(StoreError, match="was lost"):
        _verify(opened)
    assert repository.proofs.of(two[1].id) == []
    assert list(store.list(LOCKS)) == []
    assert threading.active_count() == before


def test_an_object_that_cannot_be_read_is_a_problem_of_its_snapshots_only(
    repository: Repository, store: MemoryStore, two: tuple[Manifest, Manifest]
) -> None:
    faulty = FaultyStore(store)
    opened = open_repository(faulty)
    faulty.fail("get", prefix=_chunk(repository, OLD[-1]), times=None)
    good, bad = _verify(opened).proofs
    assert (good.snapshot, good.problems) == (two[1].id, ())
    assert (bad.snapshot, len(bad.problems)) == (two[0].id, 1)
    assert "cannot be read" in bad.problems[0]
