"""Prune: what the policy keeps stays, what nobody names goes, and in doubt nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.manifest import Manifest, Origin
from deckinfra.core.proof import Proof
from deckinfra.core.retention import Policy
from deckinfra.errors import DamagedError, LockedError, StoreError
from deckinfra.ports import BlobInfo
from deckinfra.repository import Repository
from deckinfra.repository.layout import LOCKS, OBJECTS, PROOFS, object_name, snapshot_name
from deckinfra.services.prune import prune
from deckinfra.services.verify import verify
from deckinfra.testing import FaultyStore, MemoryStore, RecordingReporter
from tests.repository.support import NOON, change, contents_of, half, middle, objects, open_repository, publish

COMMON = [b"common %d " % number for number in range(5)]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def repository(store: MemoryStore, reporter: RecordingReporter) -> Repository:
    return open_repository(store, reporter)


def _day(
    repository: Repository, day: int, environment: str = "local", database: str = "sqlite:////srv/app.db"
) -> Manifest:
    """Publish the snapshot of a day, with one chunk of its own."""
    data = {"cards": [*COMMON, f"{environment} {day}".encode()]}
    return publish(repository, data, time=NOON + timedelta(days=day), environment=environment, database=database)


def _prove(repository: Repository, manifest: Manifest, *problems: str, hours: int = 1) -> None:
    moment = manifest.time + timedelta(hours=hours)
    repository.record(Proof(manifest.id, "verify", moment, 1.0, "host", 1, problems))


def _everything(store: MemoryStore) -> dict[str, bytes]:
    return {blob.name: store.get(blob.name) for blob in store.list() if not blob.name.startswith(LOCKS)}


def test_what_the_policy_keeps_stays_whole_and_the_rest_goes(repository: Repository, store: MemoryStore) -> None:
    days = [_day(repository, day) for day in range(5)]
    before = objects(store)
    result = prune(repository, Policy(last=2), dry_run=False)
    assert repository.snapshots.ids() == [days[4].id, days[3].id]
    assert [(d.snapshot, d.reasons) for d in result.decisions if d.keep] == [
        (days[4].id, ("last",)),
        (days[3].id, ("last",)),
    ]
    gone = before.keys() - objects(store).keys()
    assert (result.removed_snapshots, result.removed_objects, len(gone)) == (3, 6, 6)
    assert result.freed_bytes == sum(before[name] for name in gone)
    assert all(len(contents_of(repository, manifest)["cards"]) == 6 for manifest in days[3:])
    assert all(proof.good for proof in verify(repository, None, origin=Origin("deck", "local")).proofs)


def test_a_dry_run_says_the_same_and_deletes_nothing(repository: Repository, store: MemoryStore) -> None:
    for day in range(5):
        _prove(repository, _day(repository, day))
    before = _everything(store)
    foretold = prune(repository, Policy(last=2), dry_run=True)
    assert _everything(store) == before
    done = prune(repository, Policy(last=2), dry_run=False)
    assert replace(foretold, dry_run=False) == done
    assert foretold.dry_run
    again = prune(repository, Policy(last=2), dry_run=False)
    assert (again.removed_snapshots, again.removed_objects, again.freed_bytes) == (0, 0, 0)


def test_the_newest_is_kept_whatever_is_asked(repository: Repository) -> None:
    days = [_day(repository, day) for day in range(3)]
    result = prune(repository, Policy(), dry_run=False)
    assert repository.snapshots.ids() == [days[2].id]
    assert result.decisions[0].reasons == ("newest",)


def test_the_last_that_was_verified_is_kept(repository: Repository) -> None:
    days = [_day(repository, day) for day in range(4)]
    _prove(repository, days[0])
    _prove(repository, days[1])
    _prove(repository, days[2], "it is gone")
    verify(repository, days[3].id, origin=Origin("deck", "local"), sample=50)  # which is no proof of it
    result = prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [days[3].id, days[1].id]
    assert result.decisions[-2].reasons == ("last verified",)
    assert repository.proofs.of(days[1].id) != []
    assert repository.proofs.of(days[0].id) == []


def test_where_all_that_is_kept_is_empty_the_last_one_with_rows_is_kept_too(repository: Repository) -> None:
    days = [_day(repository, day) for day in range(2)]
    empty = [publish(repository, {"cards": []}, time=NOON + timedelta(days=day)) for day in range(2, 5)]
    _prove(repository, empty[2])
    result = prune(repository, Policy(last=2), dry_run=False)
    assert repository.snapshots.ids() == [empty[2].id, empty[1].id, days[1].id]
    assert [d.reasons for d in result.decisions] == [("last", "last verified"), ("last",), (), ("last with rows",), ()]
    assert len(contents_of(repository, days[1])["cards"]) == 6
    after = publish(repository, {"cards": [b"again"]}, time=NOON + timedelta(days=5))
    prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [after.id, empty[2].id], "with rows again, it is not needed for that"


def test_where_nothing_ever_had_a_row_nothing_more_is_kept(repository: Repository) -> None:
    days = [publish(repository, {"cards": []}, time=NOON + timedelta(days=day)) for day in range(3)]
    prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [days[2].id]


def test_a_snapshot_counts_as_verified_by_its_newest_proof(repository: Repository) -> None:
    days = [_day(repository, day) for day in range(3)]
    _prove(repository, days[0])
    _prove(repository, days[0], "it is gone", hours=2)
    _prove(repository, days[1], "it was gone")
    _prove(repository, days[1], hours=2)
    prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [days[2].id, days[1].id]


def test_snapshots_by_another_engine_are_of_the_same_database(repository: Repository) -> None:
    publish(repository, {"cards": COMMON}, time=NOON, engine="client")
    newest = _day(repository, 1)
    prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [newest.id]


def test_each_environments_database_is_judged_by_itself(repository: Repository) -> None:
    kept = [
        _day(repository, 9),
        _day(repository, 5, environment="production"),
        _day(repository, 4, database="sqlite:////srv/other.db"),
        publish(repository, {"cards": COMMON}, time=NOON, project="shop"),
        publish(repository, {"cards": COMMON}, time=NOON, host="another"),
    ]
    for day in range(3):
        _day(repository, day)
        _day(repository, day, environment="production")
    result = prune(repository, Policy(last=1), dry_run=False)
    assert sorted(repository.snapshots.ids()) == sorted(manifest.id for manifest in kept)
    assert [d.snapshot for d in result.decisions] == sorted((d.snapshot for d in result.decisions), reverse=True)


def test_objects_that_nobody_names_go_and_others_stay(repository: Repository, store: MemoryStore) -> None:
    manifest = _day(repository, 0)
    codec = repository.codec
    for number in range(300):
        data = b"left by a backup that died %d" % number
        store.put(object_name(codec.identity(data)), codec.encode(data))
    store.put(f"{OBJECTS}README", b"not ours")
    result = prune(repository, Policy(last=1), dry_run=False)
    assert (result.removed_snapshots, result.removed_objects) == (0, 300)
    assert len(objects(store)) == 7 + 1
    assert len(contents_of(repository, manifest)["cards"]) == 6


@pytest.mark.parametrize("how", [middle, half])
def test_a_manifest_that_cannot_be_read_stops_it(
    repository: Repository, store: MemoryStore, how: Callable[[bytes], bytes]
) -> None:
    days = [_day(repository, day) for day in range(4)]
    change(store, snapshot_name(days[0].id), how)
    before = _everything(store)
    with pytest.raises(DamagedError, match=f"nothing was pruned: the manifest of snapshot {days[0].id}") as caught:
        prune(repository, Policy(last=1), dry_run=False)
    assert f"delete snapshots/{days[0].id}.json by hand" in caught.value.hint
    assert _everything(store) == before


@pytest.mark.parametrize("how", [middle, None])
def test_a_list_of_what_stays_that_cannot_be_read_stops_it(
    repository: Repository, store: MemoryStore, how: Callable[[bytes], bytes] | None
) -> None:
    days = [_day(repository, day) for day in range(4)]
    name = object_name(days[3].parts[0].lists[0])
    if how is None:
        store.delete(name)
    else:
        change(store, name, how)
    before = _everything(store)
    with pytest.raises(DamagedError, match="nothing was pruned: object ") as caught:
        prune(repository, Policy(last=1), dry_run=False)
    assert f"which objects snapshot {days[3].id} needs" in caught.value.hint
    assert _everything(store) == before
    publish(repository, {"cards": [*COMMON, b"local 3"]}, time=NOON + timedelta(days=3, hours=1))
    prune(repository, Policy(last=1), dry_run=False)
    assert len(repository.snapshots.ids()) == 1


def test_what_goes_may_be_damaged(repository: Repository, store: MemoryStore) -> None:
    days = [_day(repository, day) for day in range(2)]
    store.delete(object_name(days[0].parts[0].lists[0]))
    prune(repository, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [days[1].id]


def test_an_error_of_the_store_while_marking_deletes_nothing(repository: Repository, store: MemoryStore) -> None:
    days = [_day(repository, day) for day in range(3)]
    before = _everything(store)
    faulty = FaultyStore(store)
    opened = open_repository(faulty)
    faulty.fail("get", prefix=object_name(days[2].parts[0].lists[0]), times=None)
    with pytest.raises(DamagedError, match=r"nothing was pruned: .* cannot be read"):
        prune(opened, Policy(last=1), dry_run=False)
    faulty.fail("get", times=None)
    with pytest.raises(StoreError, match="was lost"):
        prune(opened, Policy(last=1), dry_run=False)
    assert _everything(store) == before


@pytest.mark.parametrize("prefix", [PROOFS, "snapshots/", OBJECTS])
def test_one_that_breaks_off_half_way_leaves_a_valid_repository_and_the_next_one_ends_it(
    repository: Repository, store: MemoryStore, prefix: str
) -> None:
    days = [_day(repository, day) for day in range(4)]
    for manifest in days:
        _prove(repository, manifest)
    faulty = FaultyStore(store)
    opened = open_repository(faulty)
    faulty.fail("delete", prefix=prefix)
    with pytest.raises(StoreError, match="was lost"):
        prune(opened, Policy(last=1), dry_run=False)
    assert all(proof.good for proof in verify(repository, None, origin=Origin("deck", "local")).proofs)
    prune(opened, Policy(last=1), dry_run=False)
    assert repository.snapshots.ids() == [days[3].id]
    assert {blob.name.split("/")[1] for blob in store.list(PROOFS)} == {days[3].id}
    assert len(objects(store)) == 7


@pytest.mark.parametrize("last", [f"{OBJECTS}00/", f"{OBJECTS}80/"])
def test_one_whose_lock_was_taken_away_deletes_nothing_more(
    repository: Repository, store: MemoryStore, last: str
) -> None:
    """A backup may have begun by then, and may count on objects that nobody named before."""

    class Stolen(FaultyStore):
        def list(self, prefix: str = "") -> Iterator[BlobInfo]:
            if prefix == last:
                for blob in [*store.list(LOCKS)]:
                    self.delete(blob.name)
            return super().list(prefix)

    codec = repository.codec
    for number in range(500):
        store.put(object_name(codec.identity(b"%d" % number)), codec.encode(b"%d" % number))
    _day(repository, 0)
    with pytest.raises(LockedError, match="was lost while the work went on"):
        prune(open_repository(Stolen(store)), Policy(last=1), dry_run=False)
    left = {name for name in objects(store) if name >= last}
    assert len(left) > 100


def test_one_whose_lock_was_taken_away_before_it_deletes_keeps_everything(
    repository: Repository, store: MemoryStore
) -> None:
    class Stolen(FaultyStore):
        def get(self, name: str) -> bytes:
            if name.startswith("snapshots/"):
                for blob in list(store.list(LOCKS)):
                    self.delete(blob.name)
            return super().get(name)

    for day in range(3):
        _day(repository, day)
    before = _everything(store)
    with pytest.raises(LockedError, match="was lost while the work went on"):
        prune(open_repository(Stolen(store)), Policy(last=1), dry_run=False)
    assert _everything(store) == before


def test_it_sweeps_up_what_writers_that_died_left_but_not_in_a_dry_run(store: MemoryStore) -> None:
    watched = FaultyStore(store)
    repository = open_repository(watched)
    prune(repository, Policy(), dry_run=True)
    assert ("sweep", "") not in watched.calls
    prune(repository, Policy(), dry_run=False)
    assert ("sweep", "") in watched.calls


def test_an_empty_repository_needs_no_pruning(repository: Repository) -> None:
    result = prune(repository, Policy(last=1), dry_run=False)
    assert (result.decisions, result.removed_snapshots, result.removed_objects) == ((), 0, 0)


def test_a_verify_does_not_make_up_for_a_drill_that_failed(repository: Repository) -> None:
    drilled, broken = _day(repository, 1), _day(repository, 2)
    _prove(repository, drilled)
    repository.record(Proof(broken.id, "drill", broken.time, 1.0, "host", 1, ("it does not restore",)))
    _prove(repository, broken)
    prune(repository, Policy(), dry_run=False)
    assert repository.snapshots.ids() == [broken.id, drilled.id], "the newest one, and the last that is proven"
