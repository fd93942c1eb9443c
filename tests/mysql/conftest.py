"""Fixtures for what engines for MySQL and MariaDB share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mysql.support import name_of_a_database
from tests.support.servers import Server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a database that does not exist yet, on each server in turn."""
    with name_of_a_database(server) as name:
        yield name
