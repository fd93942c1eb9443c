"""The engine that reads and loads by itself keeps the contract of an engine, on each server in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.core.secret import Secret
from deckinfra.ports import Engine
from tests.contracts.test_engines import ClientContract
from tests.mysql.support import name_of_a_database
from tests.support.servers import Server


def open_engine_on(server: Server, schema: str, name: str) -> Engine:
    """Open it with root's account, on a database that is called by both names."""
    url = replace(server.url(schema if name == "one" else f"{schema}_{name}"), username="root")
    url = replace(url, password=Secret(server.root_password))
    return MysqlEngine(url, url, chosen({}), connections=3)


class TestMysqlEngine(ClientContract):
    @pytest.fixture
    def open_engine(self, server: Server) -> Iterator[Callable[[str], Engine]]:
        self.on = server
        with name_of_a_database(server) as name:
            yield partial(open_engine_on, server, name)
