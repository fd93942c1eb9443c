"""What an engine may do beyond what it has to, asked of it: some tables of a database, and its accounts."""

from __future__ import annotations

from deckinfra.errors import RefusedError
from deckinfra.ports import AccountsEngine, Engine, Reporter, SelectiveEngine


def selective(engine: Engine) -> SelectiveEngine:
    """Give the engine, if it can leave tables out; :class:`RefusedError` otherwise."""
    if isinstance(engine, SelectiveEngine):
        return engine
    raise RefusedError(
        f"the engine '{engine.name}' takes and restores a database as a whole, not some of its tables",
        hint="Nothing was changed. Leave --tables and --without out.",
    )


def with_accounts(engine: Engine, reporter: Reporter) -> Engine:
    """Give the engine that keeps and brings back accounts, too; :class:`RefusedError` if it can not."""
    if isinstance(engine, AccountsEngine):
        return engine.with_accounts(reporter)
    raise RefusedError(
        f"the engine '{engine.name}' keeps no accounts in its snapshots",
        hint="Nothing was changed. Leave --accounts out, and BACKUP_ACCOUNTS. The engine 'mysql' can.",
    )
