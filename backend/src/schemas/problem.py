"""The one form of every error response."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    code: str = Field(description="Stable, for programs: a rule's name, or the kind of malformed value.")
    field: str = Field(description="Which value, as in `body.name`. Empty where it is about all of them.")
    message: str = Field(description="For people.")


class Problem(BaseModel):
    """Why a request was not done."""

    detail: str = Field(description="One sentence for people.")
    request_id: str | None = Field(description="Finds the request in the logs.")
    problems: list[Fault] = Field(default=[], description="What is wrong, one by one. Left out where there is no list.")


_MEANINGS: Final = {
    HTTPStatus.BAD_REQUEST: "The body cannot be read, something referred to is not there, or a value cannot be stored.",
    HTTPStatus.UNAUTHORIZED: "Not signed in, or not any more.",
    HTTPStatus.NOT_FOUND: "Nothing of yours has that id.",
    HTTPStatus.CONFLICT: "There is one of that name already, or as many as there may be.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The values are malformed or break a rule.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many logins failed. Retry-After says in how many seconds to try again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot do it now. Retry-After says in how many seconds to try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give FastAPI's ``responses`` for these statuses."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in map(HTTPStatus, statuses):
        documented[int(status)] = {"model": Problem, "description": _MEANINGS[status]}
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            documented[int(status)]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return documented
