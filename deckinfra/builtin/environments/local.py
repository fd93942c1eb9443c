"""The ``local`` kind of environment: everything on this machine, with no container and no server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings
    from deckinfra.core.urls import DatabaseURL, StoreURL
    from deckinfra.ports import DatabaseTools, EnvironmentFactory, Executor


class LocalEnvironment:
    """Implements :class:`deckinfra.ports.Environment` on this machine."""

    kind = "local"

    def __init__(self, name: str, root: Path, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._root = root

    def database_url(self) -> DatabaseURL:
        """Give the URL that the settings give, with its password."""
        from deckinfra.settings.groups import DatabaseSettings

        return self.settings.group(DatabaseSettings).url()

    def database_label(self) -> str:
        """Give the URL without its password."""
        url = self.database_url()
        return str(url.with_database(str(self._root / url.database)) if url.dialect == "sqlite" else url)

    def database_tools(self) -> DatabaseTools:
        """Use the tools that are installed on this machine."""
        from deckinfra.ports import DatabaseTools
        from deckinfra.settings.groups import DatabaseSettings

        return DatabaseTools(self.executor(), self.settings.group(DatabaseSettings).administering(self.database_url()))

    def stack(self) -> None:
        """Start nothing: what runs here was started by somebody else."""

    def executor(self) -> Executor:
        """Give what runs commands on this machine, in the project's folder."""
        from deckinfra.system.executor import LocalExecutor

        return LocalExecutor(self._root)

    def default_repository(self) -> StoreURL:
        """Give a folder of the project: ``file:backups/<name>``."""
        from deckinfra.core.urls import StoreURL

        return StoreURL("file", f"backups/{self.name}")


@hookimpl
def deckinfra_environments() -> Mapping[str, EnvironmentFactory]:
    """Register the kind ``local``."""
    return {"local": LocalEnvironment}
