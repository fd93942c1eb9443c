"""Proofs in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.proof import Proof
from deckinfra.errors import StoreError
from deckinfra.repository.proofs import Proofs
from deckinfra.testing import FaultyStore, MemoryStore

from .support import NOON, half

SNAPSHOT = "20261122T120000Z-1a2b3c4d"
PROOF = Proof(SNAPSHOT, "verify", NOON, 1.5, "host", 3)


def test_proofs_come_newest_first(store: MemoryStore) -> None:
    proofs = Proofs(store)
    later = replace(PROOF, time=NOON + timedelta(hours=1), kind="drill")
    latest = replace(PROOF, time=NOON + timedelta(hours=2), problems=("it is gone",))
    for proof in (PROOF, later, latest):
        proofs.record(proof)
    assert proofs.of(SNAPSHOT) == [latest, later, PROOF]


def test_a_proof_is_the_newest_one_even_when_the_clock_was_set_back(store: MemoryStore) -> None:
    proofs = Proofs(store)
    future = replace(PROOF, time=NOON + timedelta(days=1))
    bad = replace(PROOF, problems=("it is gone",))
    proofs.record(future)
    proofs.record(bad)
    assert [proof.problems for proof in proofs.of(SNAPSHOT)] == [bad.problems, ()]


def test_of_two_in_one_second_the_later_one_counts(store: MemoryStore) -> None:
    proofs = Proofs(store)
    recorded = [replace(PROOF, objects=number) for number in range(20)]
    for proof in recorded:
        proofs.record(proof)
    assert proofs.of(SNAPSHOT) == recorded[::-1]


def test_each_snapshot_has_its_own(store: MemoryStore) -> None:
    proofs = Proofs(store)
    other = replace(PROOF, snapshot=SNAPSHOT[:-1] + "e")
    proofs.record(PROOF)
    proofs.record(other)
    assert (proofs.of(SNAPSHOT), proofs.of(other.snapshot)) == ([PROOF], [other])
    proofs.delete(SNAPSHOT)
    assert (proofs.of(SNAPSHOT), proofs.of(other.snapshot)) == ([], [other])


def test_one_that_cannot_be_read_proves_nothing(store: MemoryStore) -> None:
    proofs = Proofs(store)
    proofs.record(PROOF)
    proofs.record(replace(PROOF, kind="drill"))
    (name,) = (blob.name for blob in store.list("proofs/") if "verify" in blob.name)
    store.put(name, half(store.get(name)))
    assert [proof.kind for proof in proofs.of(SNAPSHOT)] == ["drill"]


def test_one_that_goes_while_it_is_read_is_no_matter(store: MemoryStore) -> None:
    class Vanishing(FaultyStore):
        def get(self, name: str) -> bytes:
            self.delete(name)
            return super().get(name)

    Proofs(store).record(PROOF)
    assert Proofs(Vanishing(store)).of(SNAPSHOT) == []


def test_what_the_store_cannot_do_comes_through(store: MemoryStore) -> None:
    faulty = FaultyStore(store)
    faulty.fail("put")
    with pytest.raises(StoreError, match="the connection to memory: was lost"):
        Proofs(faulty).record(PROOF)
