"""What a running application is made of, and how a route gets at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from src.services.health import Prober
from src.utils.attempts import Attempts
from src.utils.config import Settings
from src.utils.database import Database
from src.utils.errors import Unauthorized
from src.utils.metrics import Metrics
from src.utils.revisions import Revisions
from src.utils.security import Holder, Passwords, Tokens
from src.utils.turns import Turns


@dataclass(frozen=True)
class Context:
    """The parts of one application. ``hashing`` bounds the memory that passwords take."""

    settings: Settings
    database: Database
    turns: Turns
    revisions: Revisions
    prober: Prober
    metrics: Metrics
    passwords: Passwords
    tokens: Tokens
    hashing: Turns
    attempts: Attempts
    started: float


async def _context(request: Request) -> Context:
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


InContext = Annotated[Context, Depends(_context)]


async def _turn(context: InContext) -> AsyncIterator[None]:
    async with context.turns.one():
        yield


IN_TURN = Depends(_turn, scope="function")
"""For routes that work on the database: they run when it is their turn, and give it back before they answer."""

_bearer = HTTPBearer(auto_error=False, description="The access token that a login gives.")


async def _signed_in(
    context: InContext, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Holder:
    if credentials is None:
        raise Unauthorized("Sign in first.")
    holder = context.tokens.read(credentials.credentials)
    if holder is None:
        raise Unauthorized("The token is not good, or not any more: sign in again.")
    return holder


SignedIn = Annotated[Holder, Depends(_signed_in)]
"""Whose token came with the request. Whether the account is still theirs, the database knows."""
