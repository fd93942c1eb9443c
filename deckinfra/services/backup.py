"""Backup: a snapshot from the engine into a repository, its manifest last."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

import deckinfra
from deckinfra.core.manifest import Manifest, Origin
from deckinfra.errors import DamagedError, LockedError, UnknownNameError
from deckinfra.ports import ALL_TABLES, Engine, Reporter, Tables
from deckinfra.repository import Repository
from deckinfra.services.contents import holds_rows, lacks
from deckinfra.services.locking import clean_up
from deckinfra.services.pace import paced
from deckinfra.services.selecting import selective

_LOOKED_AT: Final = 100
"""How many of the newest snapshots are looked through for one with rows: more than most policies keep."""


def now() -> datetime:
    """Give the present time, aware."""
    return datetime.now(UTC)


def snapshot_id(moment: datetime) -> str:
    """Make up the id of a snapshot taken at ``moment``: ids sort by time, within a second by its 4096th parts."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%SZ}-{utc.microsecond * 4096 // 1_000_000:03x}{secrets.randbelow(16**5):05x}"


def _next(repository: Repository, moment: datetime) -> tuple[datetime, str]:
    """Give the time and id of a new snapshot: it is the newest one, even when the clock was set back since the last."""
    identity = snapshot_id(moment)
    newest = next(iter(repository.snapshots.ids()), "")
    if identity > newest:
        return moment, identity
    latest = datetime.strptime(newest.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if latest - moment > timedelta(minutes=1):
        repository.reporter.warn(f"the newest snapshot in {repository} is from the future: is the clock right here?")
    return latest + timedelta(seconds=1), snapshot_id(latest + timedelta(seconds=1))


def _emptied(repository: Repository, manifest: Manifest) -> Iterator[str]:
    """Say so where the snapshot has no row of what had some before: it may be what an accident left.

    One table is compared with the last snapshot. Where there is no row at all, that is said as long as any earlier
    one has some: the morning after the second such night is not the time to be quiet.
    """
    earlier = _earlier(repository, manifest.origin)
    compared = islice(earlier, 1) if holds_rows(manifest) else earlier
    for lacking in lacks(manifest, None, (), compared):
        yield f"{lacking}: is that meant?"


def _earlier(repository: Repository, origin: Origin) -> Iterator[Manifest]:
    """Give the snapshots of ``origin`` that can be read, newest first, as far as it is worth looking."""
    for identity in repository.snapshots.ids()[:_LOOKED_AT]:
        try:
            manifest = repository.snapshots.read(identity)
        except (UnknownNameError, DamagedError):
            continue
        if manifest.origin == origin:
            yield manifest


def backup(
    engine: Engine,
    repository: Repository,
    origin: Origin,
    label: str,
    reporter: Reporter,
    *,
    tables: Tables = ALL_TABLES,
    rate_limit: float = 0,
    clock: Callable[[], datetime] = now,
) -> Manifest:
    """Take a snapshot of the engine's database and store it. When this returns, it is published.

    ``label`` is how the manifest calls the database; ``tables`` are those whose rows are wanted; ``rate_limit`` is how
    many bytes a second it reads at most, on the whole (0: no limit).

    Raises :class:`RefusedError` for an engine that cannot leave tables out, :class:`DatabaseError` from the engine,
    :class:`StoreError` from the store, and :class:`LockedError` while a prune is at work. Whatever is raised, no
    manifest was written.
    """
    began = time.monotonic()
    repository.clean("db.backup")
    taking = engine.snapshot if tables.are_all else partial(selective(engine).snapshot_of, tables)
    if engine.state().exists:
        clean_up(engine, "db.backup", reporter)
    with repository.shared("db.backup") as lock, taking() as snapshot:
        moment, identity = _next(repository, clock())
        writer = repository.writer()
        with reporter.progress("back up", snapshot.size) as progress:
            writer.write(paced(snapshot.chunks(), rate_limit), progress)
        facts = tuple(snapshot.facts())
        parts = writer.parts(facts)
        manifest = Manifest(
            id=identity,
            time=moment.replace(microsecond=0),
            seconds=time.monotonic() - began,
            origin=origin,
            engine=engine.name,
            database=label,
            revisions=snapshot.revisions,
            host=socket.gethostname(),
            tool=f"deckinfra {deckinfra.__version__}",
            size=writer.size,
            added_bytes=writer.added_bytes,
            added_objects=writer.added_objects,
            facts=facts,
            parts=parts,
            details=snapshot.details,
        )
        for warning in (*snapshot.details.get("warnings", ()), *_emptied(repository, manifest)):
            reporter.warn(warning)
        lock.check()
        repository.snapshots.publish(manifest)
        try:
            lock.check()
        except LockedError:
            # A prune that took this lock for a dead one's may have taken its objects for garbage.
            repository.snapshots.delete(manifest.id)
            raise
    return manifest
