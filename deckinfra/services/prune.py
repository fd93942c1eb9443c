"""Prune: delete the snapshots that the policy does not keep, then the objects that nobody names any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deckinfra.core.manifest import OBJECT_ID, Manifest, Origin
from deckinfra.core.proof import verdict
from deckinfra.core.retention import Decision, Policy, decide
from deckinfra.errors import DamagedError
from deckinfra.ports import BlobInfo
from deckinfra.repository import Repository
from deckinfra.repository.idset import IdSet, id_set
from deckinfra.repository.layout import OBJECTS, stem
from deckinfra.repository.locks import Held
from deckinfra.services.contents import holds_rows
from deckinfra.services.results import PruneResult


def prune(repository: Repository, policy: Policy, *, dry_run: bool) -> PruneResult:
    """Apply ``policy`` to each database of each project, environment and host by itself.

    The newest snapshot is always kept, and so is the last one that was verified; where none of those that are kept
    holds a row, as after an accident that nobody saw, so is the last one that does.
    Nobody else is at work meanwhile: :class:`LockedError` if that cannot be had, or is lost. If a manifest or a list
    that is to stay cannot be read, then nothing is deleted: :class:`DamagedError` says which, since
    what it names would be lost.
    """
    with repository.exclusive("db.prune") as lock, id_set() as named:
        if not dry_run:
            repository.sweep()
        manifests = _manifests(repository)
        decisions = _decisions(repository, manifests, policy)
        kept = {decision.snapshot for decision in decisions if decision.keep}
        doomed = [manifest.id for manifest in manifests if manifest.id not in kept]
        for manifest in manifests:
            if manifest.id in kept:
                _mark(repository, manifest, named)
        if not dry_run:
            lock.check()
            for identity in doomed:
                repository.proofs.delete(identity)
                repository.snapshots.delete(identity)
        objects = size = 0
        for blob in _garbage(repository, named, lock):
            if not dry_run:
                repository.store.delete(blob.name)
            objects += 1
            size += blob.size
        return PruneResult(dry_run, decisions, len(doomed), objects, size)


def _decisions(repository: Repository, manifests: Sequence[Manifest], policy: Policy) -> tuple[Decision, ...]:
    groups: dict[tuple[Origin, str, str], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        groups[manifest.origin, manifest.host, manifest.database].append(manifest)
    decisions: list[Decision] = []
    for group in groups.values():
        newest_first = sorted(group, key=lambda manifest: (manifest.time, manifest.id), reverse=True)
        verified = next((m.id for m in newest_first if _is_proven(repository, m.id)), None)
        protected = {} if verified is None else {verified: ("last verified",)}
        found = decide([(m.id, m.time) for m in group], policy, protected)
        kept = {decision.snapshot for decision in found if decision.keep}
        full = [m.id for m in newest_first if holds_rows(m)]
        if full and kept.isdisjoint(full):
            found = decide([(m.id, m.time) for m in group], policy, {**protected, full[0]: ("last with rows",)})
        decisions += found
    return tuple(sorted(decisions, key=lambda decision: decision.snapshot, reverse=True))


def _is_proven(repository: Repository, snapshot: str) -> bool:
    """Whether the proof of a snapshot that counts found all of it good."""
    proof = verdict(repository.proofs.of(snapshot))
    return proof is not None and proof.proves


def _manifests(repository: Repository) -> list[Manifest]:
    manifests = []
    for identity in repository.snapshots.ids():
        try:
            manifests.append(repository.snapshots.read(identity))
        except DamagedError as error:
            raise _unknown_needs(error, identity) from error
    return manifests


def _mark(repository: Repository, manifest: Manifest, named: IdSet) -> None:
    reader = repository.reader(manifest)
    for part in manifest.parts:
        for identity in part.lists:
            named.add(identity)
        try:
            for entry in reader.entries(part):
                named.add(entry.identity)
        except DamagedError as error:
            raise _unknown_needs(error, manifest.id) from error


def _unknown_needs(error: DamagedError, snapshot: str) -> DamagedError:
    return DamagedError(
        f"nothing was pruned: {error.message}",
        hint=f"Nobody knows which objects snapshot {snapshot} needs. A new backup may mend it; "
        f"if not, delete snapshots/{snapshot}.json by hand and prune again.",
    )


def _garbage(repository: Repository, named: IdSet, lock: Held) -> Iterator[BlobInfo]:
    """Give the objects that nobody names. One prefix at a time, so that little is in memory while they go.

    Had the lock been taken away, a backup might be at work by now that builds on what nobody named before.
    """
    for prefix in range(256):
        blobs = list(repository.store.list(f"{OBJECTS}{prefix:02x}/"))
        lock.check()
        for blob in blobs:
            identity = stem(blob.name)
            if OBJECT_ID.match(identity) and identity not in named:
                yield blob
