"""Engines on the test servers, whose tools run in the server's container, as they do in a stack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deckinfra.builtin.environments.docker.engine import Running
from deckinfra.builtin.environments.docker.executor import DockerExecutor
from deckinfra.builtin.environments.local import LocalEnvironment
from deckinfra.core.secret import Secret
from deckinfra.core.settings import Settings, Stage
from deckinfra.core.urls import DatabaseURL
from deckinfra.plugins import PluginManager
from deckinfra.ports import DatabaseTools, Engine, Executor
from deckinfra.settings.groups import DatabaseSettings
from tests.support.servers import Server


class ServerEnvironment(LocalEnvironment):
    """This machine, with a database in a container: its tools run there, or by another executor."""

    def __init__(self, server: Server, database: str, root: Path, executor: Executor | None = None) -> None:
        url = server.url(database)
        group = DatabaseSettings(
            database_url=str(url),
            database_password=url.password,
            database_admin_user="root",
            database_admin_password=Secret(server.root_password),
        )
        super().__init__("local", root, Settings(Stage.DEVELOPMENT, {DatabaseSettings: group}, ()))
        self._tools = executor or container_executor(server)

    def database_tools(self) -> DatabaseTools:
        """Give the container, and the database as it is seen there."""
        group = self.settings.group(DatabaseSettings)
        url = DatabaseURL("mysql", "", host="127.0.0.1", port=3306, database=self.database_url().database)
        return DatabaseTools(self._tools, group.administering(url))


def container_executor(server: Server) -> Executor:
    """Give what runs commands in a server's container."""
    return DockerExecutor("database", "local", Path("/"), os.environ, lambda: Running(server.container, "/"))


def open_client_engine(server: Server, beginning: str, root: Path, environ: Mapping[str, str], name: str) -> Engine:
    """Open the engine of the database ``<beginning> <name>``, with the plugins of the project in ``root``."""
    return engine_on(server, f"{beginning} {name}", root, environ=environ)


def engine_on(
    server: Server,
    database: str,
    root: Path,
    executor: Executor | None = None,
    environ: Mapping[str, str] | None = None,
) -> Engine:
    """Open the engine of a database on a test server, as the application does."""
    manager = PluginManager.load(root, environ or {})
    environment = ServerEnvironment(server, database, root, executor)
    return manager.engines.find(server.dialect)(environment.database_url(), root, environment)
