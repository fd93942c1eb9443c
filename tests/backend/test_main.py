"""``python -m src``, as people start it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from deckinfra.core.secret import Secret
from tests.application.support import ROOT
from tests.backend.relay import Relay
from tests.backend.support import Api, Process, answers, environ, get, process, wait_until
from tests.support.ports import free_port
from tests.support.servers import unreachable


def start(api: Api, port: int, **values: object) -> dict[str, str]:
    return environ(api.url, APP_PORT=port, APP_DATABASE_WAIT=5, **values)


def await_health(backend: Process, port: int) -> str:
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(address) or not backend.runs(), "it is not healthy")
    return address


def test_it_serves_and_ends_in_good_order_with_a_log_of_json(mariadb_api: Api) -> None:
    port = free_port()
    with process(start(mariadb_api, port)) as backend:
        address = await_health(backend, port)
        response = get(f"{address}/api/cards/26000000", **{"X-Request-ID": "mine"})
        assert response.status_code == 200
        assert "server" not in response.headers
        backend.signal(signal.SIGTERM)
        assert backend.end() == 0
    assert backend.errors == ""
    (line,) = [line for line in backend.lines() if line["request_id"] == "mine"]
    assert (line["message"], line["level"]) == ("GET /api/cards/26000000 200", "INFO")
    assert all({"time", "level", "logger", "message", "request_id"} <= set(line) for line in backend.lines())


def test_several_workers_count_together(mysql_api: Api, tmp_path: Path) -> None:
    port = free_port()
    with process(start(mysql_api, port, APP_WORKERS=2, TMPDIR=tmp_path)) as backend:
        address = await_health(backend, port)
        seen = Counter(get(f"{address}/health").json()["process"]["pid"] for _ in range(60))
        text = get(f"{address}/metrics").text
        assert len(seen) == 2
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert float(lines['http_requests_total{method="GET",route="/health",status="200"}']) >= 60
        assert float(lines["database_pool_size"]) == 20
        (folder,) = tmp_path.iterdir()
        _survives_a_worker(address, next(iter(seen)))
        backend.signal(signal.SIGTERM)
        assert backend.end() == 0
    assert not folder.exists()


def test_what_cannot_be_imported_ends_several_workers_too(sqlite_api: Api, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "backend" / "src", tmp_path / "src")
    with (tmp_path / "src" / "main.py").open("a") as file:
        file.write("\nraise RuntimeError('this version does not start')\n")
    values = start(sqlite_api, free_port(), APP_WORKERS=2)
    done = subprocess.run(
        [sys.executable, "-m", "src"], cwd=tmp_path, env=values, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "RuntimeError: this version does not start" in done.stderr


def _survives_a_worker(address: str, pid: int) -> None:
    """A worker that dies is replaced, and its connections are counted no more."""
    os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        try:
            pids = {get(f"{address}/health").json()["process"]["pid"] for _ in range(20)}
        except httpx.TransportError:
            return False
        return len(pids) == 2 and pid not in pids

    wait_until(replaced, "the worker was not replaced")
    assert "database_pool_size 20.0" in get(f"{address}/metrics").text


def test_settings_that_are_not_usable_are_all_told_in_one_message() -> None:
    with process({"APP_PORT": "none", "APP_SECRET_KEY": "swordfish"}) as backend:
        assert backend.end() == 3
    assert backend.output == ""
    assert backend.errors == (
        "error: the settings are not usable: "
        "APP_PORT is 'none': it should be a valid integer, unable to parse string as an integer; "
        "APP_SECRET_KEY is malformed: it has fewer than 32 characters, so tokens could be forged\n"
        "hint: Nothing was started.\n"
    )


def test_a_database_that_does_not_come_ends_it_with_one_sentence(mysql_api: Api) -> None:
    url = unreachable(mysql_api.url)
    with process(environ(url, APP_DATABASE_WAIT=1)) as backend:
        assert backend.end() == 4
    assert backend.errors.startswith(
        f"error: the database '{url.database}' on 127.0.0.1:1 cannot be used after 1 seconds: connection refused\nhint:"
    )
    assert len(backend.errors.splitlines()) == 2
    assert {line["logger"] for line in backend.lines()} == {"deck.start"}


def test_a_wrong_password_ends_it_saying_so(mysql_api: Api) -> None:
    wrong = replace(mysql_api.url, password=Secret("swordfish"))
    with process(environ(wrong, APP_DATABASE_WAIT=1)) as backend:
        assert backend.end() == 4
    assert "it refuses the password of the user 'deck'" in backend.errors
    assert "swordfish" not in backend.errors + backend.output
    assert "Traceback" not in backend.errors + backend.output


def test_it_ends_while_it_waits(mysql_api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = replace(mysql_api.url, port=silent.getsockname()[1])
        with process(environ(url, APP_DATABASE_WAIT=600)) as backend:
            silent.accept()[0].close()
            backend.signal(signal.SIGTERM)
            assert backend.end(20) == 128 + signal.SIGTERM
    assert backend.errors == ""


def test_a_port_that_is_taken_ends_it_saying_so(sqlite_api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, process(start(sqlite_api, taken.getsockname()[1])) as backend:
        assert backend.end() == 1
    assert any("address already in use" in line["message"] for line in backend.lines())


def test_a_database_that_comes_late_is_served(mysql_api: Api) -> None:
    """The port answers only after a while, as a server does that is started at the same time."""
    port, late = free_port(), free_port()
    assert mysql_api.url.port is not None
    with process(environ(replace(mysql_api.url, port=late), APP_PORT=port, APP_DATABASE_WAIT=60)) as backend:
        with socket.create_server(("127.0.0.1", late)) as initialising:
            initialising.accept()[0].close()
        with Relay(late, mysql_api.url.port):
            await_health(backend, port)
            backend.signal(signal.SIGTERM)
            assert backend.end() == 0
    assert any(line["message"].startswith("waiting for the database") for line in backend.lines())


def test_the_description_needs_no_settings() -> None:
    with process({}, "--openapi") as backend:
        assert backend.end() == 0
    described = json.loads(backend.output)
    operations = {
        operation["operationId"]: operation for path in described["paths"].values() for operation in path.values()
    }
    assert set(operations) == {
        *("health", "metrics", "list_cards", "get_card", "register", "login", "get_me"),
        *("list_decks", "create_deck", "get_deck", "replace_deck", "rename_deck", "delete_deck"),
    }
    for name, operation in operations.items():
        assert operation["summary"], name
        errors = {status for status in operation["responses"] if not status.startswith("2")}
        assert "503" in errors or name == "metrics", name
        assert ("401" in errors) == ("security" in operation or name == "login"), name


def test_a_wrong_call_is_refused() -> None:
    with process({}, "--openapy") as backend:
        assert backend.end() == 2


@pytest.mark.parametrize("path", sorted((ROOT / "backend" / "src").rglob("*.py")), ids=lambda path: path.stem)
def test_the_backend_does_not_import_deckinfra(path: Path) -> None:
    assert "import deckinfra" not in path.read_text()
    assert "from deckinfra" not in path.read_text()
