"""Drill: the proof that a snapshot restores, by restoring it beside the live database."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from deckinfra.core.manifest import Facts, Manifest, Origin
from deckinfra.core.proof import Proof
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ChecksFailedError, DamagedError
from deckinfra.ports import Engine, Reporter, SmokeQuery
from deckinfra.repository import Repository
from deckinfra.services.backup import now
from deckinfra.services.locking import locked
from deckinfra.services.restore import loaded
from deckinfra.services.results import DrillResult
from deckinfra.services.smoke import Finding, ask, fitting

BESIDE: Final = "beside the live database"
"""Where a drill restores, unless it is told otherwise."""


def drill(
    engine: Engine,
    repository: Repository,
    wanted: str,
    origin: Origin,
    reporter: Reporter,
    *,
    timeout: float,
    queries: Sequence[SmokeQuery] = (),
    where: str = BESIDE,
    clock: Callable[[], datetime] = now,
) -> DrillResult:
    """Restore the snapshot ``wanted`` into a scratch database, compare it, keep the proof, and drop the data.

    What was restored is asked the smoke ``queries`` before. ``where`` says for the proof what the engine's database is.

    A snapshot that is not whole raises the :class:`DamagedError` that says why, and one on which a query fails a
    :class:`ChecksFailedError`, each after the proof of that was kept. The live database is never touched.
    """
    began = time.monotonic()
    with repository.reading("db.drill"):
        manifest = repository.snapshots.find(wanted, origin)

        def record(problems: tuple[str, ...], **told: Any) -> Proof:
            objects = sum(part.chunks + len(part.lists) for part in manifest.parts)
            moment, seconds = clock().replace(microsecond=0), time.monotonic() - began
            proof = Proof(
                manifest.id, "drill", moment, seconds, socket.gethostname(), objects, problems, None, where, **told
            )
            repository.record(proof)
            return proof

        with locked(engine, "db.drill", reporter, timeout=timeout):
            try:
                with loaded(engine, repository, manifest, "db.drill", reporter) as (shadow, found):
                    compared, findings = tuple(found), tuple(_asked(shadow.url, queries, reporter))
            except DamagedError as error:
                record((error.message,))
                raise
        wrong = [finding for finding in findings if finding.problem]
        proof = record(
            tuple(finding.problem for finding in wrong),
            **_inventory(compared),
            queries=tuple(finding.query for finding in findings),
            failed=tuple(finding.query for finding in wrong),
        )
        if wrong:
            raise _not_right(manifest, wrong, len(findings), reporter)
        return DrillResult(manifest, proof, compared)


def _inventory(compared: Sequence[Facts]) -> dict[str, Any]:
    kinds = Counter(facts.kind for facts in compared)
    return {
        "compared": dict(sorted(kinds.items())),
        "rows": sum(facts.rows or 0 for facts in compared if facts.kind == "table"),
    }


def _asked(url: DatabaseURL, queries: Sequence[SmokeQuery], reporter: Reporter) -> Iterator[Finding]:
    chosen = fitting(queries, url.dialect)
    if chosen:
        reporter.step("smoke queries")
    for query, words in chosen:
        yield ask(url, query, words)


def _not_right(manifest: Manifest, wrong: Sequence[Finding], asked: int, reporter: Reporter) -> ChecksFailedError:
    """Tell of each query with the first rows that it found, and make the error."""
    for finding in wrong:
        reporter.warn(f"{finding.problem}: {', '.join(finding.rows)}" if finding.rows else finding.problem)
    return ChecksFailedError(
        f"snapshot {manifest.id} restores, and {len(wrong)} of {asked} smoke queries failed: "
        f"{', '.join(finding.query for finding in wrong)}",
        hint="The live database was not touched; what is wrong with the snapshot's data may be wrong there, too: look "
        "there first. If it is the query that is wrong, mend it and drill again. A restore does not ask these queries.",
    )
