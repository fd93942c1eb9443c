"""The application: its parts put together."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyio.to_thread import current_default_thread_limiter
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from src import __version__
from src.models import DUPLICATES
from src.routes import cards, decks, health, metrics, users
from src.services.health import Prober
from src.utils.attempts import Attempts
from src.utils.config import ROOT, Settings, load_settings
from src.utils.context import Context
from src.utils.database import Database
from src.utils.errors import add_error_handlers
from src.utils.metrics import Metrics
from src.utils.middleware import BodyLimitMiddleware, LastResortMiddleware, ObserveMiddleware, is_sane_request_id
from src.utils.revisions import Revisions
from src.utils.security import HASHES_AT_ONCE, Passwords, Tokens
from src.utils.turns import Turns

LARGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body: the largest that makes sense is a deck with a long name."""


def create_app(settings: Settings, migrations: Path = ROOT / "migrations") -> FastAPI:
    """Make an application. Nothing is opened before it starts; it closes what it opened when it ends.

    ``migrations`` is the folder that says which schema it needs; :class:`ValueError` where it cannot be read.
    """
    database = Database(settings, DUPLICATES)
    context = Context(
        settings=settings,
        database=database,
        turns=Turns(database.most_connections, settings.app_pool_timeout),
        revisions=Revisions.scan(migrations),
        prober=Prober(settings.database),
        metrics=Metrics(),
        passwords=Passwords(),
        tokens=Tokens(settings.app_secret_key, settings.app_token_minutes),
        hashing=Turns(HASHES_AT_ONCE, settings.app_pool_timeout, "Too many are signing in or up just now."),
        attempts=Attempts(),
        started=time.monotonic(),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # As many threads as there are turns: whoever has one finds a thread, and a connection.
        current_default_thread_limiter().total_tokens = database.most_connections
        yield
        database.close()

    app = FastAPI(
        title="Deck builder",
        version=__version__,
        description="Cards of the game, users, and the decks that they build.",
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        redoc_url=None,
        docs_url="/docs" if settings.app_debug else None,
    )
    app.state.context = context
    add_error_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimitMiddleware, largest=LARGEST_BODY)
    app.add_middleware(LastResortMiddleware, debug=settings.app_debug)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.cors_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    app.add_middleware(ObserveMiddleware, metrics=context.metrics, database=database)
    app.add_middleware(CorrelationIdMiddleware, validator=is_sane_request_id)
    for module in (health, metrics, cards, users, decks):
        app.include_router(module.router)
    return app


def application() -> FastAPI:
    """Make the application of this process's environment, for a server that is given a name to import."""
    return create_app(load_settings(os.environ))


def _operation_id(route: APIRoute) -> str:
    return route.name
