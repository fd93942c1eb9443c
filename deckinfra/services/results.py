"""What the services return: frozen values, each with the JSON object that ``--json`` prints.

The fields are documented in ``docs/json.md``; a test holds that page to these classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from deckinfra.core.manifest import Facts, Manifest, format_time
from deckinfra.core.migration import MigrateResult, MigrationStatus, RevisionEntry
from deckinfra.core.proof import Listed, Proof
from deckinfra.core.retention import Decision
from deckinfra.ports import Activity, Kept, Service

__all__ = [
    "DatabaseStatus",
    "Decision",
    "DeployResult",
    "DrillResult",
    "ExportResult",
    "Finding",
    "ImportResult",
    "Listed",
    "MigrateResult",
    "MigrationStatus",
    "Proof",
    "PruneResult",
    "RestoreResult",
    "RevisionEntry",
    "SetupResult",
    "StatusResult",
    "Step",
    "UndoResult",
    "VerifyResult",
    "document",
]


def document(value: Any) -> Any:
    """Turn a result into JSON values: dataclasses into objects, times into UTC text, paths into text."""
    if isinstance(value, Manifest):
        return value.document()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): document(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [document(entry) for entry in value]
    return value


@dataclass(frozen=True)
class VerifyResult:
    """What ``verify`` read: how many objects and bytes of content, a proof for each snapshot, and other problems."""

    repository: str
    objects: int
    bytes: int
    seconds: float
    proofs: tuple[Proof, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class DrillResult:
    """A snapshot that was really restored, and what was compared; its proof says where."""

    manifest: Manifest
    proof: Proof
    compared: tuple[Facts, ...]


@dataclass(frozen=True)
class RestoreResult:
    """A snapshot that is live now, and the state that it replaced (None: there was none).

    ``into`` is the URL of the new database that was made of it, where it did not go live.
    """

    manifest: Manifest
    kept: Kept | None
    compared: tuple[Facts, ...]
    seconds: float
    into: str | None = None


@dataclass(frozen=True)
class UndoResult:
    """The kept state that was put back, and what it replaced."""

    restored: Kept
    kept: Kept | None


@dataclass(frozen=True)
class ExportResult:
    """A snapshot that was written as SQL, and the file: where it is, and its size in bytes."""

    manifest: Manifest
    file: PurePath
    size: int
    seconds: float


@dataclass(frozen=True)
class ImportResult:
    """A file of SQL that is live now, and the state that it replaced (None: there was none).

    ``tables`` are the facts of what was loaded; ``notes`` say what of the file was left out.
    """

    file: PurePath
    kept: Kept | None
    tables: tuple[Facts, ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class PruneResult:
    """What ``prune`` decided and removed; with ``dry_run`` nothing was."""

    dry_run: bool
    decisions: tuple[Decision, ...]
    removed_snapshots: int
    removed_objects: int
    freed_bytes: int


@dataclass(frozen=True)
class Step:
    """One step of ``setup``: what it is called, whether it changed anything, and what there is now."""

    name: str
    changed: bool
    summary: str


@dataclass(frozen=True)
class SetupResult:
    """What ``setup`` did, and what to do next."""

    environment: str
    steps: tuple[Step, ...]
    next: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether any step changed anything."""
        return any(step.changed for step in self.steps)


@dataclass(frozen=True)
class DatabaseStatus:
    """The database as it is now. ``size`` is in bytes; ``activity`` is None where there is no server."""

    label: str
    version: str
    size: int
    tables: int
    activity: Activity | None


@dataclass(frozen=True)
class StatusResult:
    """An environment at a glance. What could not be looked at is None (services: empty), and among the problems.

    ``last_backup`` is the newest snapshot of this project and environment, ``last_proof`` the newest good proof of one,
    which need not be the same.
    """

    environment: str
    kind: str
    stage: str
    services: tuple[Service, ...]
    database: DatabaseStatus | None
    migrations: MigrationStatus | None
    last_backup: Manifest | None
    last_proof: Proof | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class DeployResult:
    """A deployment that went well: the backup before it (None: there was no database yet), and what runs now.

    Where it brought back what ran before, there was no backup and no migration: ``migrated`` is None.
    """

    environment: str
    backup: Manifest | None
    migrated: MigrateResult | None
    services: tuple[Service, ...]
    seconds: float


@dataclass(frozen=True)
class Finding:
    """What ``doctor`` found out about one thing: ``message`` is empty where all is well."""

    check: str
    ok: bool
    message: str = ""
    hint: str = ""
