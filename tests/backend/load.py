"""Clients that make decks and read them without a pause, and remember what was acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from deckinfra.core.urls import DatabaseURL
from src.services.deck_rules import DECKS
from src.utils.security import Holder, Tokens, utc_now
from tests.backend.support import CARDS, KEY, wait_until
from tests.support.servers import rows

PATIENCE = 60.0
"""Seconds after which a client takes an answer for one that never comes."""

_PAUSE = 0.1


@dataclass(frozen=True)
class Answer:
    """One answer: whose, when the request began and how long it took, the status, when to ask again, and why."""

    client: int
    began: float
    seconds: float
    status: int
    retry_after: str
    detail: str


def sign_in(url: DatabaseURL, count: int) -> list[str]:
    """Add users without passwords, and give a token of each."""
    values = ", ".join(f"('load-{n}', 'load-{n}@x.y', 'none')" for n in range(count))
    rows(url, f"INSERT INTO users (username, email, password_hash) VALUES {values}")
    tokens = Tokens(SecretStr(KEY), 60)
    found = rows(url, "SELECT id FROM users WHERE username LIKE 'load-%'")
    return [tokens.issue(Holder.of(user, "none"), utc_now()) for (user,) in found]


class Load:
    """``clients`` threads that ask while the context is open. Each user of ``tokens`` is used by one of them.

    ``wrong`` has what no answer may be: one that never came, or one with another's content.
    """

    def __init__(self, address: str, tokens: Sequence[str], clients: int) -> None:
        self.answers: list[Answer] = []
        self.wrong: list[str] = []
        self.attempted: set[str] = set()
        self.acknowledged: set[str] = set()
        self.clients = clients
        self._address = address
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(number, tokens[number::clients])) for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def until(self, status: int, limit: float, times: int = 2) -> None:
        """Wait until each client was answered so on requests that began from now on."""
        start = time.monotonic()

        def all_were() -> bool:
            found = [answer.client for answer in self.answers if answer.began > start and answer.status == status]
            return all(found.count(client) >= times for client in range(self.clients)) or bool(self.wrong)

        wait_until(all_were, f"not every client was answered {status}", limit)

    def refusals(self) -> list[Answer]:
        """Give the answers that were 503."""
        return [answer for answer in self.answers if answer.status == 503]

    def _ask_on(self, client: int, tokens: Sequence[str]) -> None:
        names = (f"{client}-{number}" for number in itertools.count())
        with httpx.Client(base_url=self._address, timeout=PATIENCE) as http:
            for token in tokens:
                http.headers["Authorization"] = f"Bearer {token}"
                for name in itertools.islice(names, DECKS):
                    if self._ended.is_set():
                        return
                    self._make_and_read(client, http, name)
        self.wrong.append("there were too few users")

    def _make_and_read(self, client: int, http: httpx.Client, name: str) -> None:
        self.attempted.add(name)
        made = self._ask(client, http, http.build_request("POST", "/api/decks", json={"name": name, "cards": CARDS}))
        if made is None:
            return
        self.acknowledged.add(name)
        read = self._ask(client, http, http.build_request("GET", f"/api/decks/{made.json()['id']}"))
        for answer in filter(None, (made, read)):
            if answer.json()["name"] != name:
                self.wrong.append(f"{name} was asked for, and {answer.text} came")

    def _ask(self, client: int, http: httpx.Client, request: httpx.Request) -> httpx.Response | None:
        began = time.monotonic()
        try:
            response = http.send(request)
        except httpx.TransportError as error:
            self.wrong.append(f"{request.method} {request.url.path}: {error!r} after {time.monotonic() - began:.1f} s")
            return None
        seconds = time.monotonic() - began
        later, detail = response.headers.get("Retry-After", ""), response.json().get("detail", "")
        self.answers.append(Answer(client, began, seconds, response.status_code, later, detail))
        if response.is_success:
            return response
        if response.status_code != 503:
            self.wrong.append(f"{request.method} {request.url.path}: {response.status_code} {response.text}")
        self._ended.wait(_PAUSE)
        return None


def stored(url: DatabaseURL) -> list[str]:
    """Give the names of the decks that the clients made."""
    mine = "SELECT name FROM decks WHERE user_id IN (SELECT id FROM users WHERE username LIKE 'load-%')"
    return [name for (name,) in rows(url, mine)]
