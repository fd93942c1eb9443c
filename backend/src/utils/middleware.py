"""What happens around every request: it is counted, logged and bounded, and no unexpected error gets out."""

from __future__ import annotations

import logging
import re
import time
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.utils.database import Database
from src.utils.errors import answer
from src.utils.metrics import Metrics

UNMATCHED: Final = "unmatched"
"""The route of requests for which there is none."""

_log = logging.getLogger("deck.requests")
_ROUTINE: Final = frozenset({"/health", "/metrics"})
_SANE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_sane_request_id(text: str) -> bool:
    """Whether a request id that came from outside may go into logs and headers."""
    return _SANE.fullmatch(text) is not None


class ObserveMiddleware:
    """Counts each request and writes a line about it: no query, no headers, no body."""

    def __init__(self, app: ASGIApp, metrics: Metrics, database: Database) -> None:
        self._app = app
        self._metrics = metrics
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        # Stays so where nothing was answered, as when the client went away.
        status = 499

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._metrics.answered(scope["method"], route, status, seconds)
            self._metrics.pool(self._database.pool_use())
            _log.log(
                # Somebody asks for these every few seconds.
                logging.DEBUG if route in _ROUTINE and status < 400 else logging.INFO,
                "%s %s %d",
                scope["method"],
                scope["path"],
                status,
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "route": route,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                    "client": (scope.get("client") or ("", 0))[0],
                },
            )


class LastResortMiddleware:
    """Answers 500 for what nobody expected, and logs it with its traceback."""

    def __init__(self, app: ASGIApp, debug: bool) -> None:
        self._app = app
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:
            _log.exception("unexpected error")
            if started:
                # Half an answer is out: only a broken connection tells the client so.
                raise
            kind = f" ({type(error).__name__})" if self._debug else ""
            detail = f"Something went wrong here{kind}; the log knows more under this request id."
            await answer(HTTPStatus.INTERNAL_SERVER_ERROR, detail)(scope, receive, send)


class BodyLimitMiddleware:
    """Answers 413 for a body of more than ``largest`` bytes, and reads no more than that of it."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest:
                raise self._refusal()
            return message

        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._largest:
            refusal = self._refusal()
            await answer(refusal.status_code, refusal.detail)(scope, receive, send)
            return
        await self._app(scope, receive_some, send)

    def _refusal(self) -> HTTPException:
        detail = f"The body is larger than {self._largest // 1024} KiB."
        return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
