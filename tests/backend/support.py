"""The backend as tests need it: on a real database, behind a real server, asked over HTTP."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from deckinfra.core.urls import DatabaseURL
from src.main import create_app
from src.services.users import add_user
from src.utils.config import Settings, load_settings
from src.utils.context import Context
from src.utils.protocol import LimitedProtocol
from src.utils.security import Holder, utc_now
from tests.application.support import ROOT, migrator, seeds

KEY = "only-for-these-tests-0123456789abcdefghijklmnop"
DEVELOPERS_PASSWORD = "clash-royale-dev"
CARDS = [26000000, 26000001, 26000003, 26000010, 26000014, 28000000, 28000001, 28000011]
"""Eight cards of the seeds. Knight and Skeletons have evolutions, Giant has none."""
EVOLVED = [26000000, 26000010]
NOT_EVOLVED = 26000003
START_LIMIT = 90.0


def environ(url: DatabaseURL, **values: object) -> dict[str, str]:
    """Give the variables with which the backend works on a database."""
    password = {"DATABASE_PASSWORD": url.password.reveal()} if url.password else {}
    chosen = {"DATABASE_URL": str(url), "APP_SECRET_KEY": KEY, **values}
    return password | {name: str(value) for name, value in chosen.items()}


def settings(url: DatabaseURL, **values: object) -> Settings:
    """Give the settings for a database."""
    return load_settings(environ(url, **values))


def prepare(url: DatabaseURL) -> None:
    """Migrate a database and plant the seeds."""
    runner = migrator(url)
    runner.upgrade()
    runner.seed(seeds())


@contextmanager
def serving(app: FastAPI, protocol: type[LimitedProtocol] = LimitedProtocol) -> Iterator[str]:
    """Serve an application on a port of its own, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=protocol, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_until(lambda: server.started, "the server has not started")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_LIMIT)


@dataclass(frozen=True)
class Person:
    """A user who is signed in."""

    id: int
    username: str
    http: httpx.Client

    def make_deck(self, **values: object) -> httpx.Response:
        """Ask for a deck that is good but for what is said."""
        body = {"name": f"Deck {secrets.token_hex(6)}", "cards": CARDS, "evolution_slots": EVOLVED}
        return self.http.post("/api/decks", json=body | values)


@dataclass(frozen=True)
class Api:
    """A running application, and its database."""

    url: DatabaseURL
    address: str
    context: Context
    opened: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        """Give a client without a user."""
        # Nothing is encrypted here, and loading certificates takes longer than a request.
        client = httpx.Client(base_url=self.address, headers=headers, timeout=30, verify=False)
        self.opened.append(client)
        return client

    def person(self) -> Person:
        """Add a user, without the time that hashing takes, and sign in."""
        name = f"user {secrets.token_hex(6)}"
        user = self.context.database.run(lambda session: add_user(session, name, f"{name[5:]}@x.y", "none", utc_now()))
        token = self.context.tokens.issue(Holder.of(user.id, user.password_hash), utc_now())
        return Person(user.id, name, self.client(Authorization=f"Bearer {token}"))


@contextmanager
def running_api(url: DatabaseURL, **values: object) -> Iterator[Api]:
    """Serve the application on a database while the context is open."""
    app = create_app(settings(url, **values))
    with serving(app) as address:
        api = Api(url, address, app.state.context)
        try:
            yield api
        finally:
            for client in api.opened:
                client.close()


def wait_until(condition: Any, otherwise: str, limit: float = START_LIMIT) -> None:
    """Wait until ``condition()`` is true."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"{otherwise} after {limit:g} s"
        time.sleep(0.02)


class Process:
    """``python -m src``, started as people do. Its output is read when it has ended."""

    def __init__(self, variables: Mapping[str, str], *arguments: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_", "CORS"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "src", *arguments],
            cwd=ROOT / "backend",
            env=kept | dict(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output = ""
        self.errors = ""

    def end(self, limit: float = START_LIMIT) -> int:
        """Wait for it to end by itself, and give its exit code."""
        self.output, self.errors = self._process.communicate(timeout=limit)
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, however it is."""
        if self.runs():
            self._process.kill()
        self._process.communicate(timeout=10)

    def lines(self) -> list[dict[str, Any]]:
        """Give its log."""
        return [json.loads(line) for line in self.output.splitlines()]


@contextmanager
def process(variables: Mapping[str, str], *arguments: str) -> Iterator[Process]:
    """Start the backend, and end it with the context."""
    started = Process(variables, *arguments)
    try:
        yield started
    finally:
        started.kill()


def get(url: str, **headers: str) -> httpx.Response:
    """Ask once, over a connection of its own."""
    return httpx.get(url, headers=headers, timeout=30, verify=False)


def answers(address: str) -> bool:
    """Whether the application is healthy."""
    try:
        return get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False
