"""Proofs in the store: what verify and drill found out about a snapshot, and when."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

from deckinfra.core.documents import decode, encode
from deckinfra.core.proof import Proof
from deckinfra.errors import BlobNotFoundError, DamagedError
from deckinfra.ports import Store
from deckinfra.repository.layout import proofs_of


class Proofs:
    """The proofs of one repository."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, proof: Proof) -> None:
        """Keep a proof, as the newest one of its snapshot even when the clock was set back since the last."""
        for newest in self.of(proof.snapshot)[:1]:
            if newest.time > proof.time:
                proof = replace(proof, time=newest.time + timedelta(seconds=1))
        moment = proof.time.strftime("%Y%m%dT%H%M%SZ")
        name = f"{proofs_of(proof.snapshot)}{moment}-{proof.kind}-{secrets.token_hex(2)}.json"
        self._store.put(name, encode(proof.document()), overwrite=False)

    def of(self, snapshot: str) -> list[Proof]:
        """Give the proofs of a snapshot, newest first. One that cannot be read proves nothing.

        A proof's time is to the second; of two in one second, the store knows which came last.
        """
        found = []
        for blob in self._store.list(proofs_of(snapshot)):
            what = f"the proof {blob.name} in {self._store}"
            try:
                proof = Proof.from_document(decode(self._store.get(blob.name), what), what)
            except (DamagedError, BlobNotFoundError):
                continue
            found.append((proof.time, blob.modified, blob.name, proof))
        return [proof for *_, proof in sorted(found, key=lambda entry: entry[:3], reverse=True)]

    def delete(self, snapshot: str) -> None:
        """Delete every proof of a snapshot."""
        for blob in list(self._store.list(proofs_of(snapshot))):
            self._store.delete(blob.name)
