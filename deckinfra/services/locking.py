"""The database's lock, taken by whoever changes the database, and the clean-up behind those who died with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from deckinfra.errors import LockedError
from deckinfra.ports import Engine, Reporter


@contextmanager
def locked(engine: Engine, purpose: str, reporter: Reporter, *, timeout: float) -> Iterator[None]:
    """Hold the database's lock, after cleaning up, and saying so, behind a process that died with it.

    Waits up to ``timeout`` seconds, then :class:`LockedError` names the holder.
    """
    with engine.lock(purpose, timeout=timeout) as died:
        if died:
            reporter.note(died)
        for sentence in engine.recover():
            reporter.note(sentence)
        yield


def clean_up(engine: Engine, purpose: str, reporter: Reporter) -> None:
    """Clean up behind processes that died, unless somebody is at work; then they do it, or the next one."""
    with suppress(LockedError), locked(engine, purpose, reporter, timeout=0):
        pass
