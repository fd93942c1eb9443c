"""Where things are in a repository: the name of every kind of blob. ``docs/backup-format.md`` explains them."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "config.json"
OBJECTS: Final = "objects/"
SNAPSHOTS: Final = "snapshots/"
LOCKS: Final = "locks/"
PROOFS: Final = "proofs/"


def object_name(identity: str) -> str:
    """Name the blob of an object."""
    return f"{OBJECTS}{identity[:2]}/{identity}"


def snapshot_name(identity: str) -> str:
    """Name the blob of a snapshot's manifest."""
    return f"{SNAPSHOTS}{identity}.json"


def lock_name(identity: str) -> str:
    """Name the blob of a lock."""
    return f"{LOCKS}{identity}.json"


def proofs_of(snapshot: str) -> str:
    """Give the prefix of the proofs of one snapshot."""
    return f"{PROOFS}{snapshot}/"


def stem(name: str) -> str:
    """Give the last segment of a blob's name, without ``.json``."""
    return name.rpartition("/")[2].removesuffix(".json")
