"""Looking whether the database is there and at the right schema, on a connection of its own and in short time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from typing import Final

import anyio
from anyio import to_thread
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from src.utils.database import PROBE, open_engine
from src.utils.faults import UNPREPARED, code, reason

LIMIT: Final = 4.0
"""Seconds after which the database counts as hanging, whatever the driver still waits for."""

FRESH: Final = 0.5
"""Seconds for which what was found is told to others, too."""

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

    All who ask share one look at a time, on threads that requests do not share, so that many who ask neither take
    the server's connections nor make each other wait.
    """

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, PROBE)
        # One that hangs is left behind, and the next can begin.
        self._threads = anyio.CapacityLimiter(_AT_ONCE)
        self._looking = anyio.Lock()
        self._latest = Probe()
        self._ended = -inf

    async def look(self) -> Probe:
        """Give what is found within :data:`LIMIT` seconds, or was until :data:`FRESH` seconds ago; never raises."""
        async with self._looking:
            if time.monotonic() - self._ended >= FRESH:
                self._latest = await self._look_in_time()
                self._ended = time.monotonic()
            return self._latest

    async def _look_in_time(self) -> Probe:
        try:
            with anyio.fail_after(LIMIT):
                # A thread that is left behind ends with the driver's own time limits.
                return await to_thread.run_sync(self._look, limiter=self._threads, abandon_on_cancel=True)
        except TimeoutError:
            return Probe(error=f"no answer came within {LIMIT:g} seconds")

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
