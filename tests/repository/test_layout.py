"""Where things are in a repository."""

from __future__ import annotations

from deckinfra.core.names import is_blob_name
from deckinfra.repository import layout


def test_every_kind_of_blob_has_its_place() -> None:
    snapshot, identity = "20261122T213419Z-1a2b3c4d", "ab" * 32
    names = [
        layout.CONFIG,
        layout.object_name(identity),
        layout.snapshot_name(snapshot),
        layout.lock_name("0123"),
        f"{layout.proofs_of(snapshot)}20261122T213500Z-drill-01ab.json",
    ]
    assert names == [
        "config.json",
        f"objects/ab/{identity}",
        f"snapshots/{snapshot}.json",
        "locks/0123.json",
        f"proofs/{snapshot}/20261122T213500Z-drill-01ab.json",
    ]
    assert all(map(is_blob_name, names))


def test_a_stem_is_what_the_name_was_made_from() -> None:
    assert layout.stem(layout.snapshot_name("x-1")) == "x-1"
    assert layout.stem(layout.object_name("ab" * 32)) == "ab" * 32
    assert layout.stem("plain") == "plain"
