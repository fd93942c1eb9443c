"""The ``mysql`` engine: MySQL and MariaDB read and loaded over connections of our own, several at a time.

``docs/engines.md`` tells what it does and what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.ports import Engine, EngineFactory, Environment


def open_engine(url: DatabaseURL, root: Path, environment: Environment) -> Engine:
    """Open the engine for one database of a server. Nothing is asked of anybody yet."""
    from deckinfra.settings.groups import BackupSettings, DatabaseSettings

    from .codec import chosen
    from .engine import MysqlEngine

    account = environment.settings.group(DatabaseSettings).administering(url)
    threads = environment.settings.group(BackupSettings).backup_threads
    return MysqlEngine(url, account, chosen(os.environ), connections=threads, find_tools=environment.database_tools)


@hookimpl
def deckinfra_engines() -> Mapping[str, EngineFactory]:
    """Bring the dialects ``mysql`` and ``mariadb``."""
    return {"mysql": open_engine, "mariadb": open_engine}
