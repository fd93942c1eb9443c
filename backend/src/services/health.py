"""Looking whether the database is there and at the right schema, on a connection of its own and in short time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import anyio
from anyio import to_thread
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from src.utils.database import PROBE, open_engine
from src.utils.faults import UNPREPARED, code, reason

LIMIT: Final = 4.0
"""Seconds after which the database counts as hanging, whatever the driver still waits for."""

_AT_ONCE: Final = 2
_VERSIONS: Final = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True)
class Probe:
    """What was found: the time that connecting and one query took, in seconds, and the revisions; or an error."""

    connect: float | None = None
    latency: float | None = None
    revisions: tuple[str, ...] = ()
    error: str | None = None


class Prober:
    """Opens a connection outside the pool for each look, so that it works while all of the pool's are in use.

    Not more than two at a time, on threads that requests do not share.
    """

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, PROBE)
        self._threads = anyio.CapacityLimiter(_AT_ONCE)

    async def look(self) -> Probe:
        """Give what is found within :data:`LIMIT` seconds; never raises."""
        try:
            with anyio.fail_after(LIMIT):
                # A thread that hangs is left behind: it ends with the driver's own time limits.
                return await to_thread.run_sync(self._look, limiter=self._threads, abandon_on_cancel=True)
        except TimeoutError:
            return Probe(error=f"it does not answer within {LIMIT:g} seconds")

    def _look(self) -> Probe:
        try:
            start = time.perf_counter()
            with self._engine.connect() as connection:
                opened = time.perf_counter()
                connection.execute(text("SELECT 1"))
                answered = time.perf_counter()
                return Probe(opened - start, answered - opened, _revisions(connection))
        except DBAPIError as error:
            return Probe(error=reason(error))


def _revisions(connection: Connection) -> tuple[str, ...]:
    """Give the schema's revisions; none where nothing was migrated yet."""
    try:
        return tuple(sorted(connection.scalars(_VERSIONS)))
    except DBAPIError as error:
        if code(error) in UNPREPARED:
            return ()
        raise
