"""The database's lock, and the clean-up behind those who died with it; and the lock of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from deckinfra.errors import ConfigurationError, LockedError
from deckinfra.ports import Engine, Reporter
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner

if TYPE_CHECKING:
    from deckinfra.app import App


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


@contextmanager
def alone_with_stack(project: App, purpose: str) -> Iterator[None]:
    """Keep others who start or stop this environment's stack from here out, at once: two undo each other's work.

    :class:`LockedError` names who is at it.
    """
    folder = project.root / "var"
    try:
        folder.mkdir(exist_ok=True)
        lock = file_lock(
            folder / f"deploy-{project.environment_name}.lock",
            Owner.me(purpose),
            timeout=0,
            what=f"the stack of '{project.environment_name}'",
        )
        with lock:
            yield
    except OSError as error:
        raise ConfigurationError(
            f"the lock of the stack cannot be made in {folder}: {error.strerror}",
            hint="Nothing was done. Make the folder writable for you.",
        ) from error
