"""Brings ``cards_cache`` to the cards that the game has: from its official API, or from a file of that format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deckinfra.app import LOCK_TIMEOUT
from deckinfra.errors import ConfigurationError, DatabaseError, UsageError
from deckinfra.migrations.connection import PLANT, connect, exists
from deckinfra.migrations.runner import LOCK_WAIT
from deckinfra.services.locking import locked

from .api import MAX_BYTES, Patience, fetch
from .cards import Card, parse
from .seeds import known_cards
from .settings import DeckSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from deckinfra.app import App
    from deckinfra.core.urls import DatabaseURL

TABLE: Final = "cards_cache"
_NEW: Final[Mapping[str, Any]] = {
    "arena": 0,
    "has_evolution": False,
    "image_url": None,
    "evolution_image_url": None,
}


@dataclass(frozen=True)
class IngestResult:
    """What became of the cards from ``source``: how many were added, changed, and as they are.

    ``unknown`` counts those that the database has and ``source`` has not, ``unknown_names`` names them; they stay.
    """

    source: str
    added: int
    changed: int
    unchanged: int
    unknown: int
    unknown_names: tuple[str, ...]


def ingest(project: App, file: str = "", *, lock_timeout: float = LOCK_TIMEOUT) -> IngestResult:
    """Fill ``cards_cache`` of the project's database from the API, or from ``file``: all of it or nothing.

    ``lock_timeout`` is how many seconds to wait for whoever else is at work on the database.
    Raises :class:`ConfigurationError` without a usable key, :class:`CardsError` for cards that cannot be had or are
    not usable, :class:`TimeLimitError`, :class:`UsageError` for a file that cannot be read, and
    :class:`DatabaseError` or :class:`LockedError` from the database.
    """
    source, data = (file, _read(file)) if file else _ask(project)
    cards = parse(data, source)
    with locked(project.engine, "cards.ingest", project.reporter, timeout=lock_timeout):
        return store(project.engine.url, cards, source)


def store(url: DatabaseURL, cards: Sequence[Card], source: str) -> IngestResult:
    """Write the cards in one transaction; the database's lock is the caller's to hold."""
    import sqlalchemy as sa

    _require(exists(url), url)
    with connect(url, PLANT, wait=LOCK_WAIT) as connection, connection.begin():
        _require(sa.inspect(connection).has_table(TABLE), url)
        return _store(connection, cards, source)


def _store(connection: Connection, cards: Sequence[Card], source: str) -> IngestResult:
    import sqlalchemy as sa

    columns = ("id", "name", "elixir_cost", "rarity", "type", *_NEW)
    booleans = {"has_evolution": sa.Boolean()}
    table = sa.table(TABLE, *(sa.column(name, booleans.get(name)) for name in (*columns, "updated_at")))
    there = {row["id"]: dict(row) for row in connection.execute(sa.select(*(table.c[n] for n in columns))).mappings()}
    facts = {card["id"]: card for card in known_cards()}
    wanted = {card.id: _row(card, there.get(card.id) or {**_NEW, **facts.get(card.id, {})}) for card in cards}
    added = [row for id, row in wanted.items() if id not in there]
    changed = [row for id, row in wanted.items() if id in there and row != there[id]]
    if added:
        connection.execute(table.insert(), added)
    now = sa.func.current_timestamp() if connection.dialect.name == "sqlite" else sa.func.utc_timestamp()
    for row in changed:
        connection.execute(table.update().where(table.c.id == row["id"]).values(**row, updated_at=now))
    unknown = sorted(row["name"] for id, row in there.items() if id not in wanted)
    unchanged = len(wanted) - len(added) - len(changed)
    return IngestResult(source, len(added), len(changed), unchanged, len(unknown), tuple(unknown))


def _row(card: Card, known: Mapping[str, Any]) -> dict[str, Any]:
    """Give the row of a card. What the API does not tell stays as it is known: by the table, else by the seeds.

    It never tells the arena. An evolution or a picture that it is silent about is not taken away: answers of
    before there were evolutions are silent, too, and decks refer to them.
    """
    return {
        "id": card.id,
        "name": card.name,
        "elixir_cost": card.cost,
        "rarity": card.rarity.capitalize(),
        "type": card.kind,
        "arena": known["arena"],
        "has_evolution": card.evolves or known["has_evolution"],
        "image_url": card.icon_urls.medium or known["image_url"],
        "evolution_image_url": card.icon_urls.evolution_medium or known["evolution_image_url"],
    }


def _require(there: bool, url: DatabaseURL) -> None:
    if not there:
        raise DatabaseError(
            f"there is no table '{TABLE}' in {url} yet", hint="Nothing was changed. Run `invoke db.migrate` first."
        )


def _ask(project: App) -> tuple[str, bytes]:
    settings = project.settings.group(DeckSettings)
    if not settings.clash_royale_api_key:
        raise ConfigurationError(
            "CLASH_ROYALE_API_KEY is not set, and the official API answers nobody without a key",
            hint="Nothing was changed. Make a key at https://developer.clashroyale.com for this machine's address and "
            f"write it to .secrets/{project.environment_name}/CLASH_ROYALE_API_KEY; or give a file by --file.",
        )
    url = f"{settings.clash_royale_api_url}/cards"
    patience = Patience(settings.clash_royale_api_timeout, settings.clash_royale_api_attempts)
    project.reporter.step(f"cards from {url}")
    return url, fetch(url, settings.clash_royale_api_key, patience, project.reporter.note)


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the file {file} cannot be read: {error.strerror}", hint="Nothing was changed.") from error
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"the file {file} is larger than {MAX_BYTES // 1024**2} MiB, which no list of cards is",
            hint="Nothing was changed.",
        )
    return data
