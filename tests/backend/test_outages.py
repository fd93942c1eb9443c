"""The database is killed, hangs and comes back while the application runs, and nobody starts the latter again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import httpx

from tests.application.support import select
from tests.backend.relay import Relay
from tests.backend.support import CARDS, Api, Person, prepare, running_api, wait_until
from tests.support.ports import free_port
from tests.support.servers import docker, running

WRITERS = 8


@dataclass
class Writer:
    """Renames a deck of its own again and again, and remembers what was acknowledged."""

    person: Person
    deck: int
    stop: threading.Event
    tried: int = 0
    acknowledged: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Write until told to stop."""
        while not self.stop.is_set():
            self.tried += 1
            try:
                response = self.person.http.patch(f"/api/decks/{self.deck}", json={"name": str(self.tried)})
            except httpx.HTTPError as error:
                self.wrong.append(f"no answer: {error!r}")
                return
            self.answers[response.status_code] += 1
            if response.status_code == 200:
                self.acknowledged = self.tried
            elif response.status_code != 503 or "Retry-After" not in response.headers:
                self.wrong.append(f"{response.status_code} {response.text}")
            if response.status_code != 200:
                time.sleep(0.05)


def test_a_server_is_killed_under_load_and_comes_back() -> None:
    """On MariaDB; ``test_load_faults`` does it to MySQL."""
    with running("mariadb", durable=True) as server, server.database() as url:
        prepare(url)
        with running_api(url) as api:
            stop = threading.Event()
            writers = [_writer(api, stop) for _ in range(WRITERS)]
            threads = [threading.Thread(target=writer.work) for writer in writers]
            for thread in threads:
                thread.start()
            try:
                wait_until(lambda: all(writer.acknowledged for writer in writers), "nothing was written")
                assert docker("kill", server.container).returncode == 0
                wait_until(lambda: all(writer.answers[503] for writer in writers), "the outage was not told")
                health = api.client().get("/health")
                assert (health.status_code, health.json()["database"]["reachable"]) == (503, False)
                assert docker("start", server.container).returncode == 0
                before = {writer.deck: writer.acknowledged for writer in writers}
                wait_until(
                    lambda: all(writer.acknowledged > before[writer.deck] for writer in writers),
                    "no recovery",
                    limit=60,
                )
            finally:
                stop.set()
                for thread in threads:
                    thread.join(60)
            assert [writer.wrong for writer in writers] == [[]] * WRITERS
            stored = dict(select(url, "SELECT id, name FROM decks"))
            for writer in writers:
                # The last attempt may have been written without an answer, or not; nothing before it is lost.
                assert writer.acknowledged <= int(stored[writer.deck]) <= writer.tried
            health = api.client().get("/health")
            assert (health.status_code, health.json()["pool"]["checked_out"]) == (200, 0)


def _writer(api: Api, stop: threading.Event) -> Writer:
    person = api.person()
    return Writer(person, person.make_deck(name="0", cards=CARDS).json()["id"], stop)


def test_a_server_that_hangs_is_told_of_while_requests_wait_and_used_again_when_it_answers(mysql_api: Api) -> None:
    assert mysql_api.url.port is not None
    relay = Relay(free_port(), mysql_api.url.port)
    limits = {"APP_POOL_SIZE": 2, "APP_POOL_OVERFLOW": 0}
    with relay, running_api(replace(mysql_api.url, port=relay.port), **limits) as api:
        client = api.client()
        assert client.get("/api/cards").status_code == 200
        relay.hang()
        stuck = [threading.Thread(target=client.get, args=["/api/cards"]) for _ in range(4)]
        for thread in stuck:
            thread.start()
        health = client.get("/health")
        assert (health.status_code, health.json()["database"]["reachable"]) == (503, False)
        # It has a time limit of its own: who has a turn at the database hangs for longer.
        assert any(thread.is_alive() for thread in stuck)
        relay.flow()
        for thread in stuck:
            thread.join(60)
        wait_until(lambda: client.get("/api/cards").status_code == 200, "no recovery")
        # What was found while it hung is told for a moment longer.
        wait_until(lambda: client.get("/health").status_code == 200, "it stays unhealthy")
