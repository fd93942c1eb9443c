"""The environment: where the database of a stack is reached from, and where its tools run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.core.urls import StoreURL
from deckinfra.ports import DatabaseTools
from deckinfra.settings.groups import DatabaseSettings
from deckinfra.system.executor import LocalExecutor

from .engine import Running
from .executor import DockerExecutor
from .stack import DockerStack

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.ports import Environment, Executor

    from .throwaway import Launched

DATABASE_PORT: Final = 3306
"""The port of MySQL and MariaDB, where the URL names none."""


class DockerEnvironment:
    """Implements :class:`deckinfra.ports.Environment` for a stack in containers on this machine."""

    kind = "docker"

    def __init__(self, name: str, root: Path, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._root = root

    def database_url(self) -> DatabaseURL:
        """Give the URL with the host and port that lead to the database's container from here.

        ``DATABASE_URL`` says how the application sees it: a host that is no service of the stack stays as it is.
        """
        url = self._configured
        service = self._stack.database if url.host else ""
        if not service:
            return url
        host, port = self._stack.address(service, url.port or DATABASE_PORT)
        return replace(url, host=host, port=port, within=True)

    def database_label(self) -> str:
        """Give the URL as it is configured: the same in the stack's own containers."""
        return str(self._configured)

    def database_tools(self) -> DatabaseTools:
        """Use the tools in the database's container, so that they fit the server; else those of this machine."""
        group = self.settings.group(DatabaseSettings)
        url = group.administering(self._configured)
        service = self._stack.database if url.host else ""
        if not service:
            return DatabaseTools(self.executor(), url)
        return DatabaseTools(
            self._stack.executor(service),
            # Not "localhost", which these tools take for a socket.
            replace(url, host="127.0.0.1", port=url.port or DATABASE_PORT),
            partial(self._stack.interactive, service),
        )

    def stack(self) -> DockerStack:
        """Give the stack that the compose files describe."""
        return self._stack

    @contextmanager
    def throwaway(self, purpose: str, *, output: Callable[[bytes], None]) -> Iterator[Environment]:
        """Run a container of the database's image, or of ``DATABASE_IMAGE`` where no service has the database."""
        with self._stack.throwaway(purpose, output=output) as server:
            yield ThrowawayServer(self, self._root, server)

    def executor(self) -> Executor:
        """Give what runs commands beside the stack, on this machine, in the project's folder.

        In a service, the stack's own executor runs them.
        """
        return LocalExecutor(self._root)

    def default_repository(self) -> StoreURL:
        """Give a folder of the project, ``file:backups/<name>``, which the stack's containers have as well."""
        return StoreURL("file", f"backups/{self.name}")

    @property
    def _configured(self) -> DatabaseURL:
        return self.settings.group(DatabaseSettings).url()

    @cached_property
    def _stack(self) -> DockerStack:
        return DockerStack(self.name, self._root, self.settings, os.environ)


class ThrowawayServer:
    """Implements :class:`deckinfra.ports.Environment` around a server that is there for a moment."""

    kind = "docker"

    def __init__(self, like: DockerEnvironment, root: Path, server: Launched) -> None:
        self.name = like.name
        self.settings = like.settings.with_group(
            DatabaseSettings(database_url=str(server.url), database_password=server.url.password)
        )
        self._like = like
        self._root = root
        self._server = server

    def database_url(self) -> DatabaseURL:
        """Give the empty database on it."""
        return self._server.url

    def database_label(self) -> str:
        """Say what server it is."""
        return self._server.label

    def database_tools(self) -> DatabaseTools:
        """Use the tools in its container."""
        container = self._server.container
        executor = DockerExecutor(container, self.name, self._root, os.environ, lambda: Running(container, "/"))
        return DatabaseTools(executor, replace(self._server.url, host="127.0.0.1", port=DATABASE_PORT))

    def stack(self) -> None:
        """Have none: it is nobody's service."""

    def executor(self) -> Executor:
        """Give what runs commands in the project's folder."""
        return self._like.executor()

    def default_repository(self) -> StoreURL:
        """Give where the environment's backups go."""
        return self._like.default_repository()
