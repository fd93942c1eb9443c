"""The deck builder's API without a database: the same routes and rules, served alike, on rows that are in memory.

What is left out is the pool, the driver, the server, and SQLAlchemy's part in compiling statements and making rows.
``LOAD_ROWS`` names a file with the rows; each worker has its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI
from sqlalchemy.orm import Session

from src.main import create_app
from src.models import DUPLICATES, Deck, User
from src.utils.config import Settings, load_settings
from src.utils.database import Database
from src.utils.logs import logging_config
from src.utils.protocol import LimitedProtocol

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class _Rows:
    """Stands for a session: knows the statements of a deck's read and change, and answers them from memory."""

    def __init__(self, rows: Mapping[str, Any]) -> None:
        self._cards = {
            card: SimpleNamespace(id=card, elixir_cost=elixir, has_evolution=False) for card, elixir in rows["cards"]
        }
        self._decks = {
            (deck, user): Deck(
                id=deck,
                user_id=user,
                name="",
                cards=[],
                evolution_slots=[],
                average_elixir=Decimal(0),
                created_at=_EPOCH,
                updated_at=_EPOCH,
            )
            for deck, user in rows["decks"]
        }
        self._users = {user: User(id=user, password_hash=stored) for user, stored in rows["users"]}

    def scalar(self, statement: Any) -> User | Deck | None:
        """Give the user of an id, or the deck of an id and a user."""
        if statement.column_descriptions[0]["entity"] is User:
            return self._users.get(statement.whereclause.right.value)
        wanted = {clause.left.key: clause.right.value for clause in statement.whereclause.clauses}
        return self._decks.get((wanted["id"], wanted["user_id"]))

    def execute(self, statement: Any) -> Any:
        """Give the cards among the ids that are asked for, or a user's hash beside the deck of an id."""
        if statement.column_descriptions[0]["entity"] is not User:
            return [self._cards[card] for card in statement.whereclause.right.value if card in self._cards]
        user = self._users[statement.whereclause.right.value]
        ((_, on, _, _),) = statement._setup_joins
        deck = self._decks.get((on.clauses[1].right.value, user.id))
        row = SimpleNamespace(password_hash=user.password_hash, Deck=deck)
        return SimpleNamespace(all=lambda: [row])

    def flush(self) -> None:
        """Have nothing to send."""


class MemoryDatabase(Database):
    """The application's database, without one."""

    def __init__(self, settings: Settings, rows: Mapping[str, Any]) -> None:
        super().__init__(settings, DUPLICATES)
        self._rows = _Rows(rows)

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Session]:
        """Give what stands for a session."""
        yield cast(Session, self._rows)


def application() -> FastAPI:
    """Make the application of the process's environment, with its rows in memory."""
    settings = load_settings(os.environ)
    app = create_app(settings)
    rows = json.loads(Path(os.environ["LOAD_ROWS"]).read_text(encoding="utf-8"))
    app.state.context = replace(app.state.context, database=MemoryDatabase(settings, rows))
    return app


def main() -> None:
    """Serve it as ``python -m src`` serves the real one."""
    # The server raises the signal again that ended it in good order.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    settings = load_settings(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        if settings.app_workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        uvicorn.run(
            "load.memory:application",
            factory=True,
            host=settings.app_host,
            port=settings.app_port,
            workers=settings.app_workers,
            log_config=logging_config(settings.app_log_level),
            log_level=settings.app_log_level,
            access_log=False,
            server_header=False,
            http=LimitedProtocol,
            ws="none",
        )


if __name__ == "__main__":
    main()
