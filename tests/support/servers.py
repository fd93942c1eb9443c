"""Throwaway database servers in containers, as fixtures: one server a session, one database a test.

A test that asks for one is skipped where Docker or the image cannot be had, saying so, and fails where
``DECKINFRA_REQUIRE`` (names with commas: ``mysql,mariadb``) says that it must not be skipped.
``tests/rig/up.sh`` brings both.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.system.processes import Owner
from tests.support.ports import free_port

IMAGES = {"mysql": "mysql:9.7", "mariadb": "mariadb:11.8"}
USER = "deck"
PASSWORD = 'it\'s a \\ "test" @ 100 %'
START_LIMIT = 120.0
LABEL = "deckinfra.tests.server"
"""What the containers of test servers are marked with, and ``.owner``: the process that removes them."""

_PASSING = ("--rm", "--tmpfs", "/var/lib/mysql")
"""For a server that is gone when it ends, data and all."""


@dataclass(frozen=True)
class Server:
    """A running server: its dialect, the port on this machine, the root account's password, and its container."""

    dialect: str
    port: int
    root_password: str
    container: str

    def url(self, database: str) -> DatabaseURL:
        """Give the URL of a database on it, for the application's user."""
        return DatabaseURL(self.dialect, "", USER, "127.0.0.1", self.port, database, "", Secret(PASSWORD))

    def as_root(self, statement: str, *parameters: object) -> None:
        """Run one statement as root."""
        with closing(_connect(self.port, "root", self.root_password)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    @contextmanager
    def database(self) -> Iterator[DatabaseURL]:
        """Give an empty database's URL; it is dropped when the context ends."""
        name = f"deck {secrets.token_hex(4)}"  # a space, as a person might have it
        self.as_root(f"CREATE DATABASE `{name}`")
        self.as_root(f"GRANT ALL ON `{name}`.* TO {USER}@'%%'")
        try:
            yield self.url(name)
        finally:
            self.as_root(f"DROP DATABASE `{name}`")


def rows(url: DatabaseURL, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement on a server's database with the bare driver, and give its rows."""
    assert url.password is not None
    assert url.port is not None
    connection = _connect(url.port, url.username, url.password.reveal(), url.database)
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()
        return [tuple(row) for row in cursor.fetchall()]


def _connect(port: int, user: str, password: str, database: str | None = None) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host="127.0.0.1", port=port, user=user, password=password, database=database, connect_timeout=5
    )


def docker(*arguments: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command of Docker's."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=limit, check=False)


def unavailable(name: str) -> str | None:
    """Say why there can be no server of that name, or None if there can."""
    if shutil.which("docker") is None or docker("info").returncode != 0:
        return "no Docker engine answers"
    image = IMAGES[name]
    if docker("image", "inspect", image).returncode == 0 or docker("pull", image, limit=600).returncode == 0:
        return None
    return f"there is no image {image}, here or in a registry"


@contextmanager
def running(name: str, *options: str, durable: bool = False) -> Iterator[Server]:
    """Start a server while the context is open; ``options`` go to ``docker run``.

    A ``durable`` one may be killed and started again: it keeps its port, and its data as far as it wrote them to disk.
    """
    problem = unavailable(name)
    if problem is not None:
        advice = f"{name} is not there for this test: {problem}. tests/rig/up.sh brings it"
        if name in os.environ.get("DECKINFRA_REQUIRE", "").replace(",", " ").split():
            pytest.fail(advice)
        pytest.skip(advice)
    root_password = secrets.token_hex(12)
    prefix = name.upper()
    values = {"ROOT_PASSWORD": root_password, "DATABASE": "first", "USER": USER, "PASSWORD": PASSWORD}
    settings = [word for key, value in values.items() for word in ("-e", f"{prefix}_{key}={value}")]
    place = ("--publish", f"127.0.0.1:{free_port()}:3306") if durable else ("--publish", "127.0.0.1::3306", *_PASSING)
    remove_stale()
    started = docker("run", "--detach", *labels(Owner.me("pytest")), *place, *options, *settings, IMAGES[name])
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        server = Server(name, _port(container), root_password, container)
        _await(server, container)
        yield server
    finally:
        docker("rm", "--force", "--volumes", container)


def labels(owner: Owner) -> tuple[str, ...]:
    """Give the options by which a container of a test process is known as its."""
    return ("--label", LABEL, "--label", f"{LABEL}.owner={json.dumps(owner.document())}")


@cache
def remove_stale() -> None:
    """Remove the servers of test processes that were killed; those that are not certainly dead keep theirs."""
    form = f'{{{{.ID}}}} {{{{.Label "{LABEL}.owner"}}}}'
    for line in docker("ps", "--all", "--filter", f"label={LABEL}.owner", "--format", form).stdout.splitlines():
        container, _, document = line.partition(" ")
        if Owner.from_document(json.loads(document), f"the label of {container}").is_dead():
            docker("rm", "--force", "--volumes", container)


def _port(container: str) -> int:
    return int(docker("port", container, "3306/tcp").stdout.splitlines()[0].rpartition(":")[2])


def _await(server: Server, container: str) -> None:
    """Wait until the application's user can select over TCP: the server also answers pings while it initialises."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            rows(server.url("first"), "SELECT 1")
        except pymysql.err.Error as error:
            if time.monotonic() > deadline:
                log = docker("logs", "--tail", "20", container)
                pytest.fail(f"{server.dialect} was not ready within {START_LIMIT:g} s: {error}\n{log.stderr}")
            time.sleep(0.25)
        else:
            return


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """A MySQL server."""
    with running("mysql") as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB server."""
    with running("mariadb") as server:
        yield server


@pytest.fixture(params=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def server_url(server: Server) -> Iterator[DatabaseURL]:
    """An empty database on each server in turn."""
    with server.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> DatabaseURL:
    """A SQLite database that does not exist yet, in a folder that does not either."""
    return DatabaseURL("sqlite", database=str(tmp_path / "var of it's" / "äpp #1?%41.db"))


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def any_url(request: pytest.FixtureRequest, sqlite_url: DatabaseURL) -> Iterator[DatabaseURL]:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        yield sqlite_url
        return
    found: Server = request.getfixturevalue(f"{request.param}_server")
    with found.database() as url:
        yield url


def unreachable(url: DatabaseURL) -> DatabaseURL:
    """Give the same URL with a port on which nothing listens."""
    return replace(url, port=1)
