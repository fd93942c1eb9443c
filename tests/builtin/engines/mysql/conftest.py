"""Fixtures for what reads MySQL and MariaDB row by row."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deckinfra.builtin.engines.mysql.codec import Codec
from deckinfra.mysql.names import quoted
from tests.builtin.engines.mysql.support import codec_of
from tests.mysql.support import name_of_a_database, run
from tests.support.servers import Server


@pytest.fixture(params=["compiled", "plain"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each codec in turn."""
    return codec_of(request.param)


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of an empty database on each server in turn."""
    with name_of_a_database(server) as name:
        run(server, None, f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")
        yield name
