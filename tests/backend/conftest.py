"""Fixtures of the backend's tests: one application a session on each database, with the seeds planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deckinfra.core.urls import DatabaseURL
from tests.backend.support import Api, Person, prepare, running_api
from tests.support.servers import Server


def _served(url: DatabaseURL) -> Iterator[Api]:
    prepare(url)
    with running_api(url, CORS_ORIGINS="http://front.example") as api:
        yield api


@pytest.fixture(scope="session")
def sqlite_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The application on SQLite."""
    yield from _served(DatabaseURL("sqlite", database=str(tmp_path_factory.mktemp("äpp #1%41 it's") / "deck.db")))


@pytest.fixture(scope="session")
def mysql_api(mysql_server: Server) -> Iterator[Api]:
    """The application on MySQL."""
    with mysql_server.database() as url:
        yield from _served(url)


@pytest.fixture(scope="session")
def mariadb_api(mariadb_server: Server) -> Iterator[Api]:
    """The application on MariaDB."""
    with mariadb_server.database() as url:
        yield from _served(url)


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def api(request: pytest.FixtureRequest) -> Api:
    """The application on each database in turn."""
    found: Api = request.getfixturevalue(f"{request.param}_api")
    return found


@pytest.fixture(params=["mysql", "mariadb"])
def server_api(request: pytest.FixtureRequest) -> Api:
    """The application on each server in turn."""
    found: Api = request.getfixturevalue(f"{request.param}_api")
    return found


@pytest.fixture
def person(api: Api) -> Person:
    """Somebody who is signed in, without a deck."""
    return api.person()
