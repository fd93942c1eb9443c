"""Engines on the test servers, whose tools run in the server's container, as they do in a stack."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deckinfra.builtin.environments.docker.engine import Running
from deckinfra.builtin.environments.docker.executor import DockerExecutor
from deckinfra.builtin.environments.local import LocalEnvironment
from deckinfra.core.command import Command, Completed
from deckinfra.core.secret import Secret
from deckinfra.core.settings import Settings, Stage
from deckinfra.plugins import PluginManager
from deckinfra.ports import DatabaseTools, Engine, Executor, Kept
from deckinfra.services.restore import compare
from deckinfra.settings.groups import DatabaseSettings
from deckinfra.testing.snapshots import MemorySnapshot
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
        return DatabaseTools(self._tools, group.administering(replace(self.database_url(), port=3306)))


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
    *,
    environ: Mapping[str, str] | None = None,
) -> Engine:
    """Open the engine of a database on a test server, as the application does."""
    manager = PluginManager.load(root, environ or {})
    environment = ServerEnvironment(server, database, root, executor)
    return manager.engines.find("client")(environment.database_url(), root, environment)


def taken(engine: Engine) -> MemorySnapshot:
    """Take a snapshot into memory."""
    with engine.snapshot() as snapshot:
        return MemorySnapshot.of(snapshot)


def restored(engine: Engine, snapshot: MemorySnapshot) -> Kept | None:
    """Restore a snapshot as the service does: the facts of what was loaded must be those of the snapshot."""
    with engine.lock("test", timeout=30), engine.shadow("test") as shadow:
        shadow.load(snapshot)
        assert compare(snapshot.facts, shadow.facts()) == []
        return engine.swap(shadow, "replaced by a test")


class _Instead:
    """Runs commands with tools of ours before those that are there."""

    def __init__(self, executor: Executor, folder: str) -> None:
        self._executor = executor
        self._path = f"{folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def run(
        self, command: Command, *, stdin: Iterable[bytes] = (), stdout: Callable[[bytes], None] | None = None
    ) -> Completed:
        return self._executor.run(replace(command, env={**command.env, "PATH": self._path}), stdin=stdin, stdout=stdout)

    def __str__(self) -> str:
        return str(self._executor)


@contextmanager
def fake_tools(server: Server, script: str, name: str = "dump") -> Iterator[Executor]:
    """Put a shell script in the place of a server's dump tool (or its ``client``); ``$REAL`` is the real one."""
    names = {
        "mysql": {"dump": "mysqldump", "client": "mysql"},
        "mariadb": {"dump": "mariadb-dump", "client": "mariadb"},
    }
    tool, folder = names[server.dialect][name], f"/tmp/fake-{secrets.token_hex(6)}"
    text = f"#!/bin/sh\nREAL=/usr/bin/{tool}\n{script}\n"
    writing = f"mkdir {folder} && cat > {folder}/{tool} && chmod 755 {folder}/{tool}"
    docker("exec", "-i", server.container, "sh", "-c", writing, given=text)
    try:
        yield _Instead(container_executor(server), folder)
    finally:
        docker("exec", server.container, "rm", "-r", folder)


def docker(*words: str, given: str = "") -> str:
    """Run Docker's command, and give what it printed."""
    done = subprocess.run(["docker", *words], input=given, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
