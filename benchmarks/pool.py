"""The backend's pool under load: 64 clients that read and change decks, beside the same routes without a database.

python benchmarks/pool.py [--seconds=30] [--clients=64] [--workers=1] [--image=mysql:9.7] [--pool-timeout=5]

Starts a server of its own in a container, the backend as people start it, and the clients in a process apart. Ends
with 1 where an answer was wrong, a connection was leaked, or what was acknowledged is not in the database.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import httpx
from load import database
from load.clients import WARM_UP, Mode, Plan, Seat, Tally

_HERE: Final = Path(__file__).resolve().parent
_BACKEND: Final = _HERE.parent / "backend"
_MODES: Final[tuple[Mode, ...]] = ("read", "write", "mixed")
_POOL: Final = {"APP_POOL_SIZE": 10, "APP_POOL_OVERFLOW": 10}
_LIMIT: Final = 60.0


def main() -> int:
    """Measure both ways, print a table, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="how long each of the six measurements takes")
    parser.add_argument("--clients", type=int, default=64, help="how many clients ask at once")
    parser.add_argument("--workers", type=int, default=1, help="the backend's processes")
    parser.add_argument("--image", default="mysql:9.7", help="of the database server; one of MariaDB works, too")
    parser.add_argument(
        "--pool-timeout", type=int, default=5, help="seconds until a request gives up: more on a machine that is busy"
    )
    options = parser.parse_args()
    # So that whoever ends it leaves no container behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with database.running(options.image) as server, tempfile.TemporaryDirectory() as folder:
        return _Bench(server, Path(folder), options).run()


class _Bench:
    """One run: a server, a folder for logs, and what was asked for."""

    def __init__(self, server: database.Server, folder: Path, options: argparse.Namespace) -> None:
        self._server = server
        self._folder = folder
        self._seconds: float = options.seconds
        self._clients: int = options.clients
        self._workers: int = options.workers
        self._image: str = options.image
        self._pool_timeout: int = options.pool_timeout
        self._faults: list[str] = []
        self._key = secrets.token_hex(24)

    def run(self) -> int:
        """Measure with the database and without, and tell."""
        kept = self._workers * _POOL["APP_POOL_SIZE"]
        most = kept + self._workers * _POOL["APP_POOL_OVERFLOW"]
        without: dict[Mode, Tally] = {}
        with_database: dict[Mode, Tally] = {}
        print(f"{self._clients} clients, {self._workers} worker(s), {self._seconds:g} s each, on {self._image}\n")
        with self._backend([sys.executable, "-m", "src"], "/health") as port:
            seats, cards = _sign_in(port, self._clients)
            memory = self._folder / "rows.json"
            owners = self._server.rows("SELECT id, user_id FROM decks")
            users = self._server.rows("SELECT id, password_hash FROM users")
            memory.write_text(json.dumps({"cards": cards, "decks": owners, "users": users}), encoding="utf-8")
            with self._backend([sys.executable, "-m", "load.memory"], "/openapi.json", LOAD_ROWS=memory) as no:
                # In turn, so that whatever else the machine does meets both.
                for mode in _MODES:
                    without[mode], _ = self._load(Plan(no, mode, self._seconds, seats, cards))
                    with_database[mode], peak = self._load(Plan(port, mode, self._seconds, seats, cards))
                    print(f"{mode}: {peak} connections at most (at most {most})", flush=True)
                    self._require(peak <= most, f"{peak} connections are more than {most}")
            self._settled(port, kept)
            self._stored(with_database["mixed"])
        left = self._server.connections().all
        self._require(left == 0, f"{left} connections outlive the backend")
        _table(without, with_database)
        for fault in self._faults:
            print(f"FAULT: {fault}")
        return 1 if self._faults else 0

    def _load(self, plan: Plan) -> tuple[Tally, int]:
        """Let the clients ask, and give what came of it and the most connections that there were meanwhile."""
        with (self._folder / "clients.json").open("w+") as answer:
            child = subprocess.Popen(
                [sys.executable, "-m", "load.clients"], cwd=_HERE, stdin=subprocess.PIPE, stdout=answer, text=True
            )
            assert child.stdin is not None
            with child.stdin as given:
                json.dump(asdict(plan), given)
            peak = 0
            deadline = time.monotonic() + plan.seconds + WARM_UP + _LIMIT
            while child.poll() is None:
                if time.monotonic() > deadline:
                    child.kill()
                    sys.exit("error: the clients did not come to an end")
                peak = max(peak, self._server.connections().all)
                time.sleep(0.5)
            if child.returncode:
                sys.exit(f"error: the clients ended with {child.returncode}")
            answer.seek(0)
            tally = Tally(**json.load(answer))
        self._faults += [f"{plan.mode}: {count} times {what}" for what, count in tally.errors.items()]
        self._require(tally.answers > 0, f"{plan.mode}: nothing was answered")
        return tally, peak

    def _settled(self, port: int, kept: int) -> None:
        """Require that after the load nothing is lent out, at work, or above what the pool may keep."""
        pools = _pools(port, self._workers)
        lent = sum(pool["checked_out"] for pool in pools.values())
        deadline = time.monotonic() + 5
        # The health check's own connection may take a moment to go.
        while (left := self._server.connections()).all > kept and time.monotonic() < deadline:
            time.sleep(0.1)
        print(
            f"afterwards: {left.all} connections (at most {kept}), {left.working} at work (0), "
            f"{left.transactions} open transactions (0), {lent} lent out by {len(pools)} pool(s) (0)"
        )
        self._require(len(pools) == self._workers, f"only {len(pools)} of {self._workers} workers told of their pools")
        self._require(left.all <= kept, f"{left.all} connections are kept, which is more than {kept}")
        self._require(not left.working and not left.transactions and not lent, "a connection was leaked")

    def _stored(self, last: Tally) -> None:
        """Require that every deck is in the database as it was acknowledged last."""
        decks = self._server.decks()
        good = sum(decks.get(deck) == form for deck, form in last.stored.items())
        print(f"{good} of {self._clients} decks are in the database as they were acknowledged last\n", flush=True)
        self._require(good == self._clients, "what was acknowledged is not in the database")

    def _require(self, condition: bool, otherwise: str) -> None:
        if not condition:
            self._faults.append(otherwise)

    @contextlib.contextmanager
    def _backend(self, command: list[str], look: str, **values: object) -> Iterator[int]:
        """Serve on a free port while the context is open, with the settings that people would give."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port: int = listening.getsockname()[1]
        password = self._server.url.password
        chosen = {
            "APP_PORT": port,
            "APP_SECRET_KEY": self._key,
            "APP_TOKEN_MINUTES": 1440,
            "APP_WORKERS": self._workers,
            "APP_POOL_TIMEOUT": self._pool_timeout,
            "DATABASE_URL": self._server.url,
            "DATABASE_PASSWORD": password.reveal() if password else "",
            "PYTHONPATH": f"{_BACKEND}{os.pathsep}{_HERE}",
            **_POOL,
            **values,
        }
        log = self._folder / f"{port}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                command, cwd=_BACKEND, env=_environ(chosen), stdout=output, stderr=subprocess.STDOUT
            )
            try:
                _await(child, f"http://127.0.0.1:{port}{look}", log)
                yield port
                child.send_signal(signal.SIGTERM)
                code = child.wait(_LIMIT)
                self._require(code == 0, f"{command[-1]} ended with {code}, see above for its last words")
                if code:
                    print(_tail(log))
            finally:
                child.kill()
                child.wait()


def _environ(values: Mapping[str, object]) -> dict[str, str]:
    """Give the environment without settings of whoever runs this, which would win over the benchmark's own."""
    ours = ("DATABASE_", "DECKINFRA_", "APP_", "CORS_", "PROMETHEUS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {name: str(value) for name, value in values.items()}


def _await(child: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(address, timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    sys.exit(f"error: nothing answers on {address}; its last words were:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _sign_in(port: int, count: int) -> tuple[list[Seat], list[tuple[int, int]]]:
    """Make users and a deck of each, and give them beside the cards that decks are made of."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_LIMIT) as client:
        items = _good(client.get("/api/cards", params={"limit": 24}))["items"]
        cards = [(card["id"], card["elixir_cost"]) for card in items]
        password = secrets.token_hex(8)

        def seat(number: int) -> Seat:
            name = {"username": f"client-{number}"}
            _good(client.post("/api/users", json={**name, "email": f"{number}@example.com", "password": password}))
            token = _good(client.post("/api/login", json={**name, "password": password}))["access_token"]
            deck = {"name": "New", "cards": [card for card, _ in cards[:8]]}
            headers = {"Authorization": f"Bearer {token}"}
            return Seat(token, _good(client.post("/api/decks", json=deck, headers=headers))["id"])

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(seat, range(count))), cards


def _good(response: httpx.Response) -> Any:
    if not response.is_success:
        sys.exit(f"error: {response.request.url} answered {response.status_code}: {response.text}")
    return response.json()


def _pools(port: int, workers: int) -> dict[int, dict[str, int]]:
    """Give each worker's pool by its process: each new connection is taken by whichever is free."""
    found: dict[int, dict[str, int]] = {}
    deadline = time.monotonic() + 10
    while len(found) < workers and time.monotonic() < deadline:
        health = _good(httpx.get(f"http://127.0.0.1:{port}/health", timeout=_LIMIT))
        found[health["process"]["pid"]] = health["pool"]
    return found


def _table(without: Mapping[Mode, Tally], with_database: Mapping[Mode, Tally]) -> None:
    print(
        f"\n{'':24}{'answers/s':>11}{'p50':>10}{'p99':>10}{'errors':>8}{'clients':>9}   beside none: answers, p50, p99"
    )
    for mode in _MODES:
        least, real = without[mode], with_database[mode]
        ratios = [
            real.answers / least.answers if least.answers else 0,
            real.median / least.median,
            real.slowest / least.slowest,
        ]
        _row(f"{mode}, no database", least, "")
        _row(f"{mode}, database", real, "   " + "  ".join(f"{ratio:.2f}" for ratio in ratios) + " times")
    print()


def _row(name: str, tally: Tally, more: str) -> None:
    errors = sum(tally.errors.values())
    rate = tally.answers / tally.seconds
    print(
        f"{name:24}{rate:>11.0f}{tally.median:>7.1f} ms{tally.slowest:>7.1f} ms{errors:>8}{tally.processor:>9.0%}{more}"
    )


if __name__ == "__main__":
    sys.exit(main())
