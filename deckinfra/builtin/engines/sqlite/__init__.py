"""The ``sqlite`` engine: the embedded default.

A snapshot is a copy by SQLite's online backup API, cut into fixed runs of pages. A restore is loaded
into a file beside the live one, checked, and written into the live file in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.ports import Engine, EngineFactory, Environment


def open_engine(url: DatabaseURL, root: Path, environment: Environment) -> Engine:
    """Open the engine for one SQLite file; a relative path starts at the project's root."""
    from .engine import SqliteEngine

    return SqliteEngine(url.with_database(str(root / url.database)))


@hookimpl
def deckinfra_engines() -> Mapping[str, EngineFactory]:
    """Bring the dialect ``sqlite``."""
    return {"sqlite": open_engine}
