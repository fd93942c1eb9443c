"""Waiting for the database when the application starts: with back-off, up to a limit, and never in silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from src.utils.database import PROBE, open_engine
from src.utils.database_url import is_server, place
from src.utils.faults import reason

_log = logging.getLogger("deck.start")
_FIRST: Final = 0.25
_LONGEST: Final = 4.0
"""Seconds between looks: each is twice the one before."""


class DatabaseAbsentError(Exception):
    """The database did not become usable in time. The message is one sentence, without secrets."""


def wait_for_database(url: URL, limit: float, before_each: Callable[[], None] = lambda: None) -> None:
    """Return when the user can select over a new connection; :class:`DatabaseAbsentError` after ``limit`` seconds.

    A server that is only just being made refuses passwords too, so that is waited out as well, but said. A
    file that is not there does not come by waiting. ``before_each`` is called before each look, and may raise.
    """
    start = time.monotonic()
    pause = _FIRST
    engine = open_engine(url, PROBE)
    while True:
        before_each()
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            why = reason(error)
        else:
            _log.info("%s answers", place(url))
            return
        left = limit - (time.monotonic() - start)
        if left <= 0 or not is_server(url):
            waited = f" after {limit:g} seconds" if is_server(url) else ""
            raise DatabaseAbsentError(f"{place(url)} cannot be used{waited}: {why}{_advice(url, why)}")
        _log.warning("waiting for %s, %.0f of %g seconds left: %s%s", place(url), left, limit, why, _meanwhile(why))
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)


def _meanwhile(why: str) -> str:
    return " (it may still be initialising)" if why.startswith(("it refuses", "it has no")) else ""


def _advice(url: URL, why: str) -> str:
    """Name what is wrong, where the error alone does not: whose password, and what makes a file."""
    if why.startswith("it refuses"):
        return f" of the user '{url.username}'" if "password" in why else f" '{url.username}'"
    return "" if is_server(url) else "; invoke db.migrate makes it"
