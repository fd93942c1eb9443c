"""Drill: the proof that a snapshot restores, by restoring it beside the live database."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime

from deckinfra.core.manifest import Origin
from deckinfra.core.proof import Proof
from deckinfra.errors import DamagedError
from deckinfra.ports import Engine, Reporter
from deckinfra.repository import Repository
from deckinfra.services.backup import now
from deckinfra.services.locking import locked
from deckinfra.services.restore import loaded
from deckinfra.services.results import DrillResult


def drill(
    engine: Engine,
    repository: Repository,
    wanted: str,
    origin: Origin,
    reporter: Reporter,
    *,
    timeout: float,
    clock: Callable[[], datetime] = now,
) -> DrillResult:
    """Restore the snapshot ``wanted`` into a scratch database, compare it, keep the proof, and drop the data.

    A snapshot that is not whole raises the :class:`DamagedError` that says why, after the proof of
    that was kept. The live database is never touched.
    """
    began = time.monotonic()
    with repository.reading("db.drill"):
        manifest = repository.snapshots.find(wanted, origin)

        def record(problems: tuple[str, ...]) -> Proof:
            objects = sum(part.chunks + len(part.lists) for part in manifest.parts)
            moment, seconds = clock().replace(microsecond=0), time.monotonic() - began
            proof = Proof(manifest.id, "drill", moment, seconds, socket.gethostname(), objects, problems)
            repository.record(proof)
            return proof

        with locked(engine, "db.drill", reporter, timeout=timeout):
            try:
                with loaded(engine, repository, manifest, "db.drill", reporter) as (_, found):
                    compared = tuple(found)
            except DamagedError as error:
                record((error.message,))
                raise
        return DrillResult(manifest, record(()), compared)
