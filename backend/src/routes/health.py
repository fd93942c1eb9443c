"""Whether the application can do its work."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter, Response

from src import __version__
from src.schemas.health import DatabaseHealth, Health, PoolHealth, ProcessHealth
from src.utils.context import InContext
from src.utils.faults import LATER

router = APIRouter(tags=["operation"])


@router.get(
    "/health",
    responses={503: {"model": Health, "description": "The database is unreachable, or its schema is behind."}},
)
async def health(context: InContext, response: Response) -> Health:
    """Tell of the process, the database, the pool, and the schema's revision.

    A schema that is ahead is no fault: a newer version of the application is being rolled out.
    """
    probe = await context.prober.look()
    state = "unknown" if probe.error else context.revisions.state(probe.revisions)
    good = state in {"current", "ahead"}
    if not good:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(LATER)
    response.headers["Cache-Control"] = "no-store"
    return Health(
        status="ok" if good else "unavailable",
        process=ProcessHealth(
            version=__version__, pid=os.getpid(), uptime_seconds=round(time.monotonic() - context.started, 1)
        ),
        database=DatabaseHealth(
            reachable=probe.error is None,
            connect_ms=_milliseconds(probe.connect),
            latency_ms=_milliseconds(probe.latency),
            error=probe.error,
        ),
        pool=PoolHealth(**asdict(context.database.pool_use())),
        schema_state=state,
        revision=list(probe.revisions),
        expected=sorted(context.revisions.heads),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
