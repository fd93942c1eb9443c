"""What happens around every request, over HTTP."""

import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from src.main import LARGEST_BODY, create_app
from src.utils.context import InContext
from tests.backend.support import Api, serving, settings, wait_until

SECRET = "SELECT password_hash FROM users"


@pytest.fixture
def faulty(sqlite_api: Api) -> Iterator[Api]:
    """The application with routes that have faults."""
    app: FastAPI = create_app(settings(sqlite_api.url))

    @app.get("/fault")
    def fault(context: InContext) -> None:
        raise RuntimeError(SECRET)

    @app.get("/fault/in-the-database")
    def database_fault(context: InContext) -> None:
        with context.database.transaction() as session:
            session.execute(text("SELECT nonsense("))

    with serving(app) as address:
        api = Api(sqlite_api.url, address, app.state.context)
        yield api
        for client in api.opened:
            client.close()


@pytest.mark.parametrize("path", ["/fault", "/fault/in-the-database"])
def test_an_unexpected_fault_is_told_by_its_request_id_alone(
    faulty: Api, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = faulty.client().get(path, headers={"X-Request-ID": "of-a-fault"})
    assert response.status_code == 500
    assert response.json() == {
        "detail": "Something went wrong here; the log knows more under this request id.",
        "request_id": "of-a-fault",
    }
    (logged,) = [record for record in caplog.records if record.message == "unexpected error"]
    assert logged.exc_info is not None
    assert faulty.client().get("/api/cards/26000000").status_code == 200


def test_debugging_shows_what_kind_of_fault_it_was_and_no_more(sqlite_api: Api) -> None:
    app = create_app(settings(sqlite_api.url, APP_DEBUG="true"))

    @app.get("/fault")
    def fault() -> None:
        raise RuntimeError(SECRET)

    with serving(app) as address:
        shown = httpx.get(f"{address}/fault").text
    assert "(RuntimeError)" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("sent", ["abc-DEF_1.2", "x" * 64])
def test_a_request_id_that_is_sane_is_kept(sqlite_api: Api, sent: str) -> None:
    response = sqlite_api.client().get("/api/cards/1", headers={"X-Request-ID": sent})
    assert response.headers["X-Request-ID"] == sent
    assert response.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "{}", "ä".encode().decode("latin-1")])
def test_another_request_id_is_replaced(sqlite_api: Api, sent: str) -> None:
    response = sqlite_api.client().get("/api/cards/1", headers=[(b"X-Request-ID", sent.encode("latin-1"))])
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.json()["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "body",
    [b"{", b'"' + b"\xff" * 9 + b'"', b"[" * 30_000, b'{"a":' + b"1" * 30_000 + b"}", b"null", b"NaN", b""],
    ids=["cut", "bytes", "deep", "long number", "null", "no number", "none"],
)
def test_a_body_that_is_no_json_is_refused(sqlite_api: Api, body: bytes) -> None:
    response = sqlite_api.client().post("/api/login", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert set(response.json()) <= {"detail", "request_id", "problems"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(sqlite_api: Api, chunked: bool) -> None:
    whole = json.dumps({"username": "x" * LARGEST_BODY, "password": "x"}).encode()
    parts = (whole[start : start + 4096] for start in range(0, len(whole), 4096))
    response = sqlite_api.client().post(
        "/api/login", content=parts if chunked else whole, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413
    assert response.json()["detail"] == "The body is larger than 64 KiB."


def test_an_address_or_method_that_is_not_there_has_the_same_form(sqlite_api: Api) -> None:
    for response in (sqlite_api.client().get("/nothing"), sqlite_api.client().delete("/api/cards")):
        assert response.status_code in {404, 405}
        assert set(response.json()) == {"detail", "request_id"}
    assert sqlite_api.client().delete("/api/cards").headers["Allow"] == "GET"


def test_pages_of_the_configured_origins_may_call(sqlite_api: Api) -> None:
    asked = {"Origin": "http://front.example", "Access-Control-Request-Method": "PUT"}
    client = sqlite_api.client()
    preflight = client.options("/api/decks/1", headers=asked | {"Access-Control-Request-Headers": "Authorization"})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://front.example"
    called = client.get("/api/decks", headers={"Origin": "http://front.example"})
    assert called.status_code == 401
    assert called.headers["Access-Control-Allow-Origin"] == "http://front.example"


def test_pages_of_other_origins_may_not(sqlite_api: Api) -> None:
    asked = {"Origin": "http://other.example", "Access-Control-Request-Method": "GET"}
    client = sqlite_api.client()
    assert client.options("/api/cards", headers=asked).status_code == 400
    for response in (client.options("/api/cards", headers=asked), client.get("/api/cards", headers=asked)):
        assert "Access-Control-Allow-Origin" not in response.headers


def lines(caplog: pytest.LogCaptureFixture, count: int) -> list[logging.LogRecord]:
    """Wait for so many lines about requests: they are written when the answer is out."""

    def written() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "deck.requests"]

    wait_until(lambda: len(written()) >= count, f"there are no {count} lines")
    return written()


def test_a_request_is_logged_without_its_query_and_token(sqlite_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "deck.requests"):
        client = sqlite_api.client(Authorization="Bearer swordfish")
        client.get("/api/cards/26000000?password=swordfish")
        (record,) = lines(caplog, 1)
    assert record.message == "GET /api/cards/26000000 200"
    assert (record.__dict__["route"], record.__dict__["status"]) == ("/api/cards/{card_id}", 200)
    assert "swordfish" not in str(record.__dict__)


def test_who_asks_every_few_seconds_does_not_fill_the_log(sqlite_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "deck.requests"):
        for path in ("/health", "/metrics", "/api/cards/1"):
            sqlite_api.client().get(path)
        found = {record.__dict__["path"]: record.levelno for record in lines(caplog, 3)}
    assert found == {"/health": logging.DEBUG, "/metrics": logging.DEBUG, "/api/cards/1": logging.INFO}
