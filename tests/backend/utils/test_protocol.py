"""How slow, how large and how many: over plain sockets, against the process as it is, and with shorter limits."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI, Request

from src.main import create_app
from src.utils.protocol import LARGEST_HEAD, LimitedProtocol
from tests.backend.support import Api, answers, environ, process, serving, settings, wait_until
from tests.support.ports import free_port

ASK = b"GET /api/cards/26000000 HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"


class Quick(LimitedProtocol):
    """The same, with less patience and room."""

    head_limit = 0.5
    body_limit = 0.5


class Small(LimitedProtocol):
    """The same, with less room, and so patient that nothing ends by itself."""

    head_limit = 300.0
    most = 4


@pytest.fixture(scope="module")
def running(sqlite_api: Api) -> Iterator[int]:
    """The port of the process, as people start it."""
    port = free_port()
    with process(environ(sqlite_api.url, APP_PORT=port)) as backend:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}") or not backend.runs(), "it is not healthy")
        yield port


@pytest.fixture
def quick(sqlite_api: Api) -> Iterator[int]:
    """The port of an application with small limits."""
    with serving(create_app(settings(sqlite_api.url)), Quick) as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture
def slow() -> Iterator[int]:
    """The port of an application that takes longer for an answer than a head or a body may take to come."""
    app = FastAPI()

    @app.post("/")
    async def measure(request: Request) -> str:
        size = len(await request.body())
        await asyncio.sleep(3 * Quick.head_limit)
        return f"{size} bytes"

    with serving(app, Quick) as address:
        yield int(address.rpartition(":")[2])


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read(connection: socket.socket) -> bytes:
    """Read until the other side ends it."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def drip(connection: socket.socket, byte: bytes) -> bytes:
    """Send a byte again and again, as long as somebody listens, and give what came back."""
    deadline = time.monotonic() + 30
    connection.settimeout(0.1)
    found = b""
    while time.monotonic() < deadline:
        try:
            connection.sendall(byte)
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return found
        if not part:
            return found
        found += part
    pytest.fail("somebody listens for ever")


def status(answer: bytes) -> int:
    """Give an answer's status, if its body is in the form of all errors."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body).keys() >= {"detail", "request_id"}
    return int(head.split()[1])


def test_a_head_that_comes_a_byte_at_a_time_is_given_up_by_the_process(running: int) -> None:
    with connect(running) as slow, connect(running) as silent:
        slow.sendall(ASK + b"X-Slow: ")
        assert status(drip(slow, b"x")) == 408
        assert read(silent) == b""
    assert answers(f"http://127.0.0.1:{running}")


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["endless", "complete"])
def test_a_head_that_is_too_large_is_refused_by_the_process(running: int, end: bytes) -> None:
    with connect(running) as large:
        large.sendall(ASK + b"X-Large: " + b"x" * LARGEST_HEAD + end)
        assert status(read(large)) == 431
    with connect(running) as good:
        good.sendall(ASK + b"X-Large: " + b"x" * (LARGEST_HEAD // 2) + b"\r\nConnection: close\r\n\r\n")
        assert b" 200 OK" in read(good)


def test_what_is_no_request_is_refused_in_the_form_of_all_errors(running: int) -> None:
    with connect(running) as odd:
        odd.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
        assert status(read(odd)) == 400


def test_a_head_is_given_up_after_its_limit_also_on_a_connection_that_was_good(quick: int) -> None:
    with connect(quick) as connection:
        connection.sendall(ASK + b"\r\n")
        assert b" 200 OK" in connection.recv(65536)
        connection.sendall(ASK + b"X-Slow: ")
        assert status(drip(connection, b"x")) == 408


def test_empty_lines_between_two_requests_are_no_head_that_is_late(quick: int) -> None:
    with connect(quick) as connection:
        connection.sendall(ASK + b"\r\n")
        assert b" 200 OK" in connection.recv(65536)
        # Nobody asked, so nobody is answered: a client would take that for the answer to what it asks next.
        assert drip(connection, b"\r\n") == b""


def test_what_comes_while_a_request_is_at_work_does_not_end_it(slow: int) -> None:
    with connect(slow) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
        time.sleep(0.1)
        connection.sendall(b"\r\n")  # as old clients do after a body
        assert b"4 bytes" in connection.recv(65536)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nagain")
        assert b"5 bytes" in read(connection)


def test_a_request_that_waits_for_another_one_has_time_for_its_body(slow: int) -> None:
    with connect(slow) as connection:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        connection.sendall(head + b"\r\nbody" + head + b"Connection: close\r\n\r\nbo")
        assert b"4 bytes" in connection.recv(65536)
        connection.sendall(b"dy")
        assert b"4 bytes" in read(connection)
    with connect(slow) as connection:
        connection.sendall(head + b"\r\nbody" + head + b"\r\n")
        assert drip(connection, b"").count(b"4 bytes") == 1, "but not for ever"


def test_a_body_that_comes_a_byte_at_a_time_is_given_up(quick: int) -> None:
    with connect(quick) as connection:
        connection.sendall(POST)
        # It is cut off, as half of a request has no answer.
        assert b"HTTP/1.1 2" not in drip(connection, b" ")
    with connect(quick) as connection:
        connection.sendall(POST + b'"username": "a", "password": "b"}'.ljust(49) + ASK + b"Connection: close\r\n\r\n")
        answered = read(connection)
        assert answered.count(b"HTTP/1.1 ") == 2
        assert b"HTTP/1.1 401" in answered


def test_who_asks_for_nothing_makes_room(sqlite_api: Api) -> None:
    with serving(create_app(settings(sqlite_api.url)), Small) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        idle = [stack.enter_context(connect(port)) for _ in range(Small.most)]
        asking = stack.enter_context(connect(port))
        asking.sendall(ASK + b"Connection: close\r\n\r\n")
        assert b" 200 OK" in read(asking)
        # The first one had waited longest.
        assert read(idle[0]) == b""
        for other in idle[1:]:
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.recv(1)
