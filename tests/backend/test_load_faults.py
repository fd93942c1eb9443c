"""The backend as a process under load, while its database is killed, hangs, or has no connection left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pymysql
import pytest

from deckinfra.core.urls import DatabaseURL
from src.utils.database import LOCK_WAIT, WORK
from tests.backend.load import Load, sign_in, stored
from tests.backend.support import answers, environ, prepare, process, wait_until
from tests.support.ports import free_port
from tests.support.servers import Server, docker, running

CLIENTS = 8
USERS = 600
SLACK = 15.0
"""Seconds that a busy machine may take beyond the time limits."""


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server whose data outlives it being killed."""
    with running("mysql", durable=True) as server:
        yield server


@pytest.fixture
def url(durable: Server) -> Iterator[DatabaseURL]:
    """A database that is ready for the application."""
    with durable.database() as made:
        prepare(made)
        yield made


@contextmanager
def loaded(url: DatabaseURL, **values: object) -> Iterator[tuple[str, Load]]:
    """Run the backend under load, once every client was served. Its errors are looked at when it has ended."""
    address = f"http://127.0.0.1:{free_port()}"
    tokens = sign_in(url, USERS)
    port = address.rpartition(":")[2]
    with process(environ(url, APP_PORT=port, APP_LOG_LEVEL="error", **values)) as backend:
        wait_until(lambda: answers(address) or not backend.runs(), "it is not healthy")
        with Load(address, tokens, CLIENTS) as load:
            load.until(201, 60)
            yield address, load
            load.until(201, 60)
        health = httpx.get(f"{address}/health", timeout=30)
        assert (health.status_code, health.json()["pool"]["checked_out"]) == (200, 0)
        backend.kill()
    assert load.wrong == []
    assert backend.output + backend.errors == "", "something was unexpected"
    assert {answer.status for answer in load.answers} == {200, 201, 503}
    assert {answer.retry_after for answer in load.refusals()} <= {"1", "5"}
    found = stored(url)
    assert len(found) == len(set(found))
    assert load.acknowledged <= set(found) <= load.attempted


def test_killed_and_started_again(durable: Server, url: DatabaseURL) -> None:
    with loaded(url) as (address, load):
        assert docker("kill", durable.container).returncode == 0
        load.until(503, 60)
        health = httpx.get(f"{address}/health", timeout=30)
        assert (health.status_code, health.headers["Retry-After"]) == (503, "5")
        assert health.json()["database"]["reachable"] is False
        assert docker("start", durable.container).returncode == 0
        load.until(201, 90)
    assert {answer.detail for answer in load.refusals()} == {"The database cannot be reached."}


def test_hanging_and_going_on(durable: Server, url: DatabaseURL) -> None:
    """Two connections for eight clients: two wait for the server, and the others for their turn."""
    values = {"APP_POOL_SIZE": 2, "APP_POOL_OVERFLOW": 0, "APP_POOL_TIMEOUT": 1}
    with loaded(url, **values) as (_, load):
        assert docker("pause", durable.container).returncode == 0
        try:
            # As long as the driver waits on a connection that was there, and then on a new one.
            load.until(503, 2 * WORK.read + SLACK, times=1)
        finally:
            assert docker("unpause", durable.container).returncode == 0
    assert max(answer.seconds for answer in load.refusals()) < 1 + 2 * WORK.read + SLACK
    assert {answer.detail for answer in load.refusals()} >= {
        "The database cannot be reached.",
        "Every connection to the database is in use.",
    }


def test_no_connection_left_because_somebody_holds_a_lock(durable: Server, url: DatabaseURL) -> None:
    values = {"APP_POOL_SIZE": 1, "APP_POOL_OVERFLOW": 0, "APP_POOL_TIMEOUT": 1}
    with loaded(url, **values) as (_, load):
        holder = pymysql.connect(
            host="127.0.0.1", port=durable.port, user="root", password=durable.root_password, database=url.database
        )
        with closing(holder), holder.cursor() as cursor:
            cursor.execute("LOCK TABLES decks WRITE")
            load.until(503, 60, times=1)
    assert max(answer.seconds for answer in load.refusals()) < 1 + LOCK_WAIT + SLACK
    assert {(answer.detail, answer.retry_after) for answer in load.refusals()} == {
        ("Every connection to the database is in use.", "1"),
        ("Somebody else's change takes too long.", "1"),
    }
