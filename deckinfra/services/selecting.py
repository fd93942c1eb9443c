"""Some tables of a database, for engines that can leave others out."""

from __future__ import annotations

from deckinfra.errors import RefusedError
from deckinfra.ports import Engine, SelectiveEngine


def selective(engine: Engine) -> SelectiveEngine:
    """Give the engine, if it can leave tables out; :class:`RefusedError` otherwise."""
    if isinstance(engine, SelectiveEngine):
        return engine
    raise RefusedError(
        f"the engine '{engine.name}' takes and restores a database as a whole, not some of its tables",
        hint="Nothing was changed. Leave --tables and --without out.",
    )
