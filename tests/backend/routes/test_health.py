from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from src.models import Card
from tests.application.support import change, migrator
from tests.backend.support import Api, running_api, wait_until
from tests.support.servers import Server, rows, unreachable


@pytest.fixture
def fresh_url(mysql_server: Server) -> Iterator[DatabaseURL]:
    """An empty database on MySQL."""
    with mysql_server.database() as url:
        yield url


def test_a_healthy_application_tells_of_all_its_parts(api: Api) -> None:
    response = api.client().get("/health")
    told = response.json()
    assert response.status_code == 200
    assert (told["status"], told["schema"]) == ("ok", "current")
    assert told["revision"] == told["expected"] == list(migrator(api.url).status().current)
    assert told["database"]["reachable"] is True
    assert 0 < told["database"]["latency_ms"] < 5000
    assert told["pool"] == {"size": 10, "max_overflow": 10, "checked_out": 0, "overflow": 0}
    assert told["process"]["version"] == "0.1.0"


def test_a_schema_that_is_behind_or_not_there_is_not_healthy(fresh_url: DatabaseURL) -> None:
    with running_api(fresh_url) as api:
        client = api.client()
        empty = client.get("/health")
        assert (empty.status_code, empty.json()["schema"], empty.json()["revision"]) == (503, "behind", [])
        assert empty.headers["Retry-After"] == "5"
        assert empty.json()["database"]["reachable"] is True
        migrator(fresh_url).upgrade("0001")
        wait_until(lambda: client.get("/health").json()["revision"], "what was found stays what is told")
        behind = client.get("/health")
        assert (behind.status_code, behind.json()["schema"], behind.json()["revision"]) == (503, "behind", ["0001"])
        migrator(fresh_url).upgrade()
        wait_until(lambda: client.get("/health").status_code == 200, "it stays behind")


def test_a_schema_that_is_ahead_is_healthy_and_said(fresh_url: DatabaseURL) -> None:
    migrator(fresh_url).upgrade()
    change(fresh_url, "UPDATE alembic_version SET version_num = 'of tomorrow'")
    with running_api(fresh_url) as api:
        response = api.client().get("/health")
    assert (response.status_code, response.json()["schema"]) == (200, "ahead")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        (unreachable, "connection refused"),
        (lambda url: replace(url, password=Secret("wrong")), "it refuses the password"),
        (lambda url: replace(url, database="nothing"), "it refuses the user"),
    ],
    ids=["port", "password", "database"],
)
def test_a_database_that_cannot_be_used_is_not_healthy(mysql_api: Api, changed: object, error: str) -> None:
    assert callable(changed)
    with running_api(changed(mysql_api.url)) as api:
        response = api.client().get("/health")
        assert response.status_code == 503
        assert response.json()["database"] == {
            "reachable": False,
            "connect_ms": None,
            "latency_ms": None,
            "error": error,
        }
        assert response.json()["schema"] == "unknown"
        cards = api.client().get("/api/cards")
        assert (cards.status_code, cards.headers["Retry-After"]) == (503, "5")


def test_health_is_told_while_every_connection_is_in_use(mysql_api: Api) -> None:
    with running_api(mysql_api.url, APP_POOL_SIZE=1, APP_POOL_OVERFLOW=0, APP_POOL_TIMEOUT=1) as api:
        with api.context.database.transaction() as session, ThreadPoolExecutor(1) as threads:
            session.get(Card, 1)
            waiting = threads.submit(api.client().get, "/api/cards")
            told = api.client().get("/health")
            assert (told.status_code, told.json()["pool"]["checked_out"]) == (200, 1)
            refused = waiting.result(20)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert api.client().get("/api/cards").status_code == 200


def test_many_who_ask_at_once_share_a_look(mysql_api: Api, mysql_server: Server) -> None:
    """It takes a connection of the server, and the time of one."""
    asked = 256
    status = "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Connections'"
    root = replace(mysql_api.url, username="root", password=Secret(mysql_server.root_password))
    ((before,),) = rows(root, status)
    client = mysql_api.client()
    with ThreadPoolExecutor(64) as threads:
        answered = list(threads.map(lambda _: client.get("/health").status_code, range(asked)))
    ((after,),) = rows(root, status)
    assert answered == [200] * asked
    assert int(after) - int(before) < asked / 4


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_sixty_four_clients_at_once_all_get_an_answer_and_leak_nothing(
    name: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{name}_api").url
    # The pool as it is, but for the time that a busy machine of a test may take.
    with running_api(url, APP_POOL_TIMEOUT=60) as api:
        client = api.client()
        person = api.person()
        deck = person.make_deck().json()

        def ask(number: int) -> int:
            if number % 4 == 0:
                return person.http.patch(f"/api/decks/{deck['id']}", json={"name": f"{number}"}).status_code
            return client.get("/api/cards").status_code

        with ThreadPoolExecutor(64) as threads:
            assert set(threads.map(ask, range(128))) == {200}
        assert client.get("/health").json()["pool"]["checked_out"] == 0
