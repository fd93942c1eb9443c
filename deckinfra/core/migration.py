"""What is told of migrations: where a database is against the code, which revisions there are, what a run did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MigrateResult:
    """Which revisions were applied (``up``) or taken back (``down``), in order; none: nothing to do."""

    direction: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class RevisionEntry:
    """One revision of the history: its id, parents, message, and whether the database has it."""

    revision: str
    parents: tuple[str, ...]
    message: str
    applied: bool


@dataclass(frozen=True)
class MigrationStatus:
    """Where the database is against the code: ``up to date``, ``behind``, ``ahead`` or ``not migrated``."""

    state: str
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...]
