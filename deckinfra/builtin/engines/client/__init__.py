"""The ``client`` engine: MySQL and MariaDB backed up with the server's own dump tool, and loaded with its client.

The tools run where the environment says, in the database's container where there is one, so that they fit the server.
``docs/engines.md`` tells what this engine does, and what no dump as text can do.
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
    """Open the engine for one database of a server. Nothing is asked of anybody yet."""
    from deckinfra.settings.groups import DatabaseSettings

    from .engine import ClientEngine

    account = environment.settings.group(DatabaseSettings).administering(url)
    return ClientEngine(url, account, environment.database_tools)


@hookimpl
def deckinfra_engines() -> Mapping[str, EngineFactory]:
    """Bring the name under which ``DATABASE_ENGINE`` can ask for this engine."""
    return {"client": open_engine}
