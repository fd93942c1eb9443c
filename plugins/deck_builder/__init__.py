"""The deck builder's own plugin: its settings, example data, what holds for its data, and the cards of the game.

Nothing is imported here that a start of Invoke does not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.settings import SettingsGroup
    from deckinfra.ports import Seed, SmokeQuery


@hookimpl
def deckinfra_settings() -> Sequence[type[SettingsGroup]]:
    """Register what the backend and ``cards.ingest`` read."""
    from .settings import DeckSettings

    return (DeckSettings,)


@hookimpl
def deckinfra_seeds() -> Sequence[Seed]:
    """Register the cards before the decks that are made of them."""
    from deckinfra.ports import Seed

    from .seeds import plant_cards, plant_decks, plant_users

    return (Seed("cards", plant_cards), Seed("users", plant_users), Seed("decks", plant_decks))


@hookimpl
def deckinfra_smoke_queries() -> Sequence[SmokeQuery]:
    """Register what holds for every good state of the decks, and no constraint of the tables can tell."""
    from .smoke import QUERIES

    return QUERIES


@hookimpl
def deckinfra_tasks() -> Sequence[Any]:
    """Register the tasks on cards."""
    from invoke.collection import Collection

    from .tasks import ingest

    return (Collection("cards", ingest),)
