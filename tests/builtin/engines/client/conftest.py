"""Fixtures for the client engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deckinfra.mysql.names import quoted
from tests.mysql.support import name_of_a_database, run
from tests.support.servers import Server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of an empty database on each server in turn."""
    with name_of_a_database(server) as name:
        run(server, None, f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")
        yield name


@pytest.fixture
def mysql_database(mysql_server: Server) -> Iterator[str]:
    """The name of an empty database on MySQL, for what MariaDB has not."""
    with name_of_a_database(mysql_server) as name:
        run(mysql_server, None, f"CREATE DATABASE {quoted(name)}")
        yield name
