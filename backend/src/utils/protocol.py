"""HTTP with limits: how long a request's head and body may take to come, how large the head is, how many connect.

Uvicorn has no such limits with httptools: a client that sends a byte now and then would keep its connection for ever,
and a head could grow until the memory is used up. What is refused here never reaches the application.
"""

from __future__ import annotations

import asyncio
import json
import time
from http import HTTPStatus
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_DETAILS: Final = {
    HTTPStatus.BAD_REQUEST: "This is not an HTTP request that can be read.",
    HTTPStatus.REQUEST_TIMEOUT: "The request took too long to come.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request's first line and headers are too large.",
}

LARGEST_HEAD: Final = 32 * 1024
"""Bytes of a request's first line and headers."""

MOST_CONNECTIONS: Final = 800
"""Connections of each process beyond which one that asks for nothing makes room for a new one."""

MOST_REQUESTS: Final = 900
"""Connections beyond which requests are answered 503. Systems commonly let a process open 1024 files."""

KEEP_ALIVE: Final = 5
"""Seconds that a connection stays open between two requests."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection. A timer runs while a head or a body is awaited."""

    head_limit: ClassVar[float] = 5.0
    """Seconds in which a head has to come, from the connection or from the first byte after another request."""
    body_limit: ClassVar[float] = 20.0
    """Seconds in which a body has to come, from the end of the head."""

    most: ClassVar[int] = MOST_CONNECTIONS

    _timer: asyncio.TimerHandle | None = None
    _since = 0.0
    _in_body = False
    _received = 0
    _size = 0
    _refusal = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait(self.head_limit)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, which may be empty lines between two.

        While another request is at work, nothing is late: what comes then may be the end of line that old clients
        send after a body, or a request that waits for its turn.
        """
        if not self._in_body:
            if self._received or data.strip(b"\r\n"):
                self._received += len(data)
            if self._timer is None and not self._is_at_work():
                self._wait(self.head_limit)
        super().data_received(data)
        if not self._in_body and self._received > LARGEST_HEAD and not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")

    def on_url(self, url: bytes) -> None:
        """Take a part of the first line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body, and let the application have the request."""
        self._in_body = True
        self._wait(self.body_limit)
        super().on_headers_complete()
        if self.pipeline:
            # No more is read before its turn.
            self._stop()

    def on_message_complete(self) -> None:
        """Wait for nothing, until there is more."""
        self._stop()
        self._in_body = False
        self._received = self._size = 0
        self._since = time.monotonic()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the rest of the request whose turn it is, if its head came before."""
        super().on_response_complete()
        if self._in_body and self._timer is None and not self.transport.is_closing():
            self._wait(self.body_limit)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, in the form of all errors, and close the connection."""
        status = self._refusal
        body = json.dumps({"detail": _DETAILS[status], "request_id": None}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > LARGEST_HEAD:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            # The parser passes it on as a request that cannot be read.
            raise ValueError("the head is too large")

    def _wait(self, limit: float) -> None:
        self._stop()
        self._since = time.monotonic()
        self._timer = self.loop.call_later(limit, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """End a connection that is too slow. It is told why where it sent a part of a head."""
        self._timer = None
        if self._in_body or not self._received:
            self.transport.abort()
        else:
            self._refusal = HTTPStatus.REQUEST_TIMEOUT
            self.send_400_response("")

    def _make_room(self) -> None:
        """End the connection that has waited longest for a request, if any does."""
        idle = [each for each in self.connections if isinstance(each, LimitedProtocol) and not each._is_at_work()]
        if idle:
            min(idle, key=lambda each: each._since).transport.abort()

    def _is_at_work(self) -> bool:
        # Uvicorn's type leaves out that it is None before the first request.
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
