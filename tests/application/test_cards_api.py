"""Asking the game's API: what is asked, what is tried again, and what each kind of trouble is called."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

from deckinfra.core.secret import Secret
from deckinfra.errors import ConfigurationError, TimeLimitError
from tests.application.deck_builder import Api, Behaviour, answers, hangs_up, module, serving

api = module("api")
CardsError = module("errors").CardsError

KEY = Secret("a-key-that-nobody-may-see")
GOOD = answers(b'{"items": []}')
PATIENT = api.Patience(timeout=30, attempts=4, pause=0.01)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach this machine directly, whatever the environment has for others."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(server: Api, patience: object = PATIENT, notes: list[str] | None = None) -> bytes:
    result: bytes = api.fetch(f"{server.url}/cards", KEY, patience, (notes if notes is not None else []).append)
    return result


def trouble(status: int, reason: str = "", message: str = "", **headers: str) -> Behaviour:
    return answers(json.dumps({"reason": reason, "message": message}).encode(), status, **headers)


def test_the_key_is_sent_and_the_body_is_given() -> None:
    with serving(GOOD) as server:
        assert fetch(server) == b'{"items": []}'
    ((path, headers),) = server.requests
    assert path == "/v1/cards"
    assert headers["Authorization"] == f"Bearer {KEY.reveal()}"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "passing",
    [
        [trouble(429, Retry_After="0")],
        [trouble(429, Retry_After=format_datetime(datetime.now(UTC) - timedelta(minutes=1), usegmt=True))],
        [trouble(429)],
        [trouble(500), trouble(502), trouble(503, "inMaintenance", Retry_After="0.0 or so")],
        [hangs_up],
        [answers(b'{"ite', Content_Length="4000")],
    ],
)
def test_what_may_pass_is_tried_again_and_told(passing: list[Behaviour]) -> None:
    notes: list[str] = []
    with serving(*passing, GOOD) as server:
        assert fetch(server, notes=notes) == b'{"items": []}'
    assert len(server.requests) == len(notes) + 1 == len(passing) + 1
    assert all(note.startswith("the API is asked again in ") for note in notes)


def test_the_api_is_asked_again_when_it_says() -> None:
    notes: list[str] = []
    with serving(trouble(429, "requestThrottled", Retry_After="1"), GOOD) as server:
        fetch(server, notes=notes)
    assert notes == ["the API is asked again in 1 s: it answered 429 (requestThrottled)"]


def test_what_does_not_pass_is_given_up_after_the_agreed_attempts() -> None:
    with serving(trouble(500, "unknownException")) as server, pytest.raises(CardsError) as caught:
        fetch(server)
    assert len(server.requests) == 4
    assert "cannot give the cards now: it answered 500 (unknownException)" in caught.value.message
    assert caught.value.hint == "Nothing was changed. Run it again later."
    assert caught.value.exit_code == 20


def test_a_wait_that_is_too_long_is_left_to_whoever_asked() -> None:
    with serving(trouble(429, "requestThrottled", Retry_After="3600")) as server, pytest.raises(CardsError) as caught:
        fetch(server)
    assert len(server.requests) == 1
    assert "it answered 429 (requestThrottled)" in caught.value.message
    assert "not before 3600 s have passed" in caught.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_not_tried_again(status: int) -> None:
    with (
        serving(trouble(status, "accessDenied", "Invalid authorization")) as server,
        pytest.raises(ConfigurationError) as caught,
    ):
        fetch(server)
    assert len(server.requests) == 1
    assert "refuses CLASH_ROYALE_API_KEY: it answered" in caught.value.message
    assert "Make one at" in caught.value.hint


def test_a_key_for_another_address_is_told_as_such() -> None:
    words = "Invalid authorization: API key does not allow access from IP 192.0.2.7"
    with serving(trouble(403, "accessDenied.invalidIp", words)) as server, pytest.raises(ConfigurationError) as caught:
        fetch(server)
    assert "refuses CLASH_ROYALE_API_KEY from this machine's address" in caught.value.message
    assert "192.0.2.7" in caught.value.message


@pytest.mark.parametrize(
    "behaviour",
    [
        trouble(403, "accessDenied", f"key {KEY.reveal()} is bad"),
        trouble(500, f"{KEY.reveal()}"),
        trouble(404, KEY.reveal()),
    ],
)
def test_the_key_is_never_shown(behaviour: Behaviour) -> None:
    notes: list[str] = []
    with serving(behaviour) as server, pytest.raises((ConfigurationError, CardsError)) as caught:
        fetch(server, notes=notes)
    told = f"{caught.value.message} {caught.value.hint} {caught.value.__cause__!r} {notes}"
    assert KEY.reveal() not in told
    assert "•••" in told


@pytest.mark.parametrize("status", [302, 400, 404])
def test_other_answers_are_told_and_led_nowhere(status: int) -> None:
    with (
        serving(GOOD) as elsewhere,
        serving(trouble(status, Location=elsewhere.url)) as server,
        pytest.raises(CardsError, match=f"has no cards: it answered {status}"),
    ):
        fetch(server)
    assert (len(server.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"text"', b"[" * 100_000, b"\xff"])
def test_an_error_without_words_is_told_by_its_number(body: bytes) -> None:
    with serving(answers(body, 404)) as server, pytest.raises(CardsError, match=r"it answered 404\Z"):
        fetch(server)


def test_an_answer_that_never_ends_is_given_up_when_its_time_is_up() -> None:
    with serving(_dripping) as server, pytest.raises(TimeLimitError, match=r"within 0.3 s") as caught:
        fetch(server, api.Patience(timeout=0.3, attempts=4))
    assert len(server.requests) == 1
    assert "CLASH_ROYALE_API_TIMEOUT" in caught.value.hint


def test_an_answer_that_never_begins_is_given_up_when_its_time_is_up() -> None:
    def silent(handler: BaseHTTPRequestHandler) -> None:
        server.stopped.wait(60)

    with serving(silent) as server, pytest.raises(TimeLimitError):
        fetch(server, api.Patience(timeout=0.3, attempts=4))


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(status: int) -> None:
    size = api.MAX_BYTES * 64
    sent = 0

    def huge(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(status)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        while sent < size:
            sent += handler.wfile.write(b" " * 2**20)

    with serving(huge) as server, pytest.raises(CardsError, match="more than 4 MiB"):
        fetch(server)
    assert sent < size


def test_a_machine_that_does_not_answer_is_told_with_its_address() -> None:
    with serving(GOOD) as server:
        pass
    with pytest.raises(CardsError, match=r"127\.0\.0\.1:\d+/v1/cards cannot be reached: ") as caught:
        fetch(server)
    assert "give a file by --file" in caught.value.hint


@pytest.mark.parametrize("name", ["httpx", "stamina"])
def test_a_library_that_is_not_installed_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with serving(GOOD) as server, pytest.raises(ConfigurationError, match=f"is not installed: {name}") as caught:
        fetch(server)
    assert "'.[app]'" in caught.value.hint


def test_the_hooks_of_others_are_put_back() -> None:
    from stamina.instrumentation import get_on_retry_hooks

    before = get_on_retry_hooks()
    with serving(GOOD) as server:
        fetch(server)
    assert get_on_retry_hooks() == before


def _dripping(handler: BaseHTTPRequestHandler) -> None:
    from time import sleep

    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        sleep(0.05)
