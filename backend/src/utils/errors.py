"""Every error that the API answers with, and the one form that all of them have.

::

    ApiError
    ├── BadReference      400  something that is referred to is not there, or a value cannot be stored
    ├── Unauthorized      401  no token, or none that is good
    ├── NotFound          404  nothing of that id, or it is another's
    ├── Conflict          409  there is one already, or as many as there may be
    │   └── Duplicate     409  the database has one of that name
    ├── Unacceptable      422  the values break a rule
    ├── TooMany           429  too many failed logins; Retry-After says when to try again
    └── Unavailable       503  the database cannot do it now; Retry-After says when to try again
        └── Deadlock      503  two transactions waited for each other

The body is a :class:`src.schemas.problem.Problem`. It never holds a stack trace or SQL: those are in
the log, under the same request id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

_log = logging.getLogger("deck.errors")
_MOST_PROBLEMS: Final = 20


class ApiError(Exception):
    """Base of what the API answers with on purpose. ``detail`` is one sentence for a person.

    ``problems`` are single faults, each with ``code`` (stable), ``field`` (may be empty) and ``message``.
    """

    status: ClassVar[HTTPStatus]

    def __init__(self, detail: str, problems: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.headers: dict[str, str] = {}


class BadReference(ApiError):  # noqa: N818 - named after what it answers
    """Something that is referred to is not there, or the database cannot take a value."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(ApiError):  # noqa: N818
    """There is no token, or none that is good any more."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": "Bearer"}


class NotFound(ApiError):  # noqa: N818
    """Nothing has that id, or it belongs to somebody else."""

    status = HTTPStatus.NOT_FOUND


class Conflict(ApiError):  # noqa: N818
    """There is one already, or as many as there may be."""

    status = HTTPStatus.CONFLICT


class Duplicate(Conflict):
    """The database has a row of that name already."""


class Unacceptable(ApiError):  # noqa: N818
    """The values break a rule."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooMany(ApiError):  # noqa: N818
    """Somebody failed too often. ``retry_after`` is in seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class Unavailable(ApiError):  # noqa: N818
    """The database cannot do it now. ``retry_after`` is in seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class Deadlock(Unavailable):
    """Two transactions waited for each other, and the database ended this one: it can be run again."""


def answer(
    status: int, detail: str, headers: Mapping[str, str] | None = None, problems: Sequence[Mapping[str, str]] = ()
) -> Response:
    """Make the response for an error."""
    body: dict[str, Any] = {"detail": detail, "request_id": correlation_id.get()}
    if problems:
        body["problems"] = list(problems[:_MOST_PROBLEMS])
    # ASCII, since a name in it may hold half of a surrogate pair, which UTF-8 has no form for.
    content = json.dumps(body, ensure_ascii=True).encode("ascii")
    return Response(content, status, dict(headers or {}), media_type="application/json")


def add_error_handlers(app: FastAPI) -> None:
    """Let ``app`` answer with :func:`answer` for errors of ours, of the framework, and of validation."""
    app.add_exception_handler(ApiError, _expected)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)


def driver_message(error: BaseException | None) -> str:
    """Give what the database driver said, without its code and the statement that SQLAlchemy adds to it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause.args[-1] if cause is not None and cause.args else cause)


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    if isinstance(error, Unavailable):
        _log.warning("answered 503: %s", error.detail, extra={"cause": driver_message(error.__cause__)})
    return answer(error.status, error.detail, error.headers, error.problems)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer(error.status_code, str(error.detail), error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        {
            "code": fault["type"],
            "field": ".".join(map(str, fault["loc"])),
            "message": fault["msg"].removeprefix("Value error, "),
        }
        for fault in error.errors()
    ]
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid.", problems=problems)
