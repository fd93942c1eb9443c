"""Where the application and its database run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from deckinfra.core.command import Command
from deckinfra.core.urls import DatabaseURL, StoreURL

from .executor import Executor
from .stack import Stack

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings


def on_this_terminal(argv: Sequence[str]) -> Command:
    """Give the command that runs ``argv`` on this machine, for a person at its terminal: without a time limit."""
    return Command(tuple(argv), math.inf)


@dataclass(frozen=True)
class DatabaseTools:
    """Where the database's own command-line tools run, and the database's URL as seen from there.

    The URL has the account for backups and restores, with its password. ``interactive`` gives the command that
    runs a tool there on a person's terminal, as :meth:`Stack.interactive` does; not set, that is the tool itself.
    """

    executor: Executor
    url: DatabaseURL
    interactive: Callable[[Sequence[str]], Command] = on_this_terminal


class Environment(Protocol):
    """Where the application and its database run."""

    name: str
    """The name that was asked for: ``local``, ``production``."""

    kind: str
    """The registered kind: ``local``, ``docker``, ``ssh``."""

    settings: Settings

    def database_url(self) -> DatabaseURL:
        """Give the database's URL as seen from where deckinfra runs; :class:`ConfigurationError` if unusable.

        :class:`StackError` where it runs in a stack and cannot be reached from here, :class:`RefusedError` where that
        stack is another folder's.
        """

    def database_label(self) -> str:
        """Say which database it is, for manifests: one text, from wherever it is reached. No secrets."""

    def database_tools(self) -> DatabaseTools:
        """Give where the database's own tools run: beside the server where they can, so that they fit it."""

    def stack(self) -> Stack | None:
        """Give the services that run together, or None where deckinfra starts and stops nothing."""

    def executor(self) -> Executor:
        """Give what runs commands there."""

    def default_repository(self) -> StoreURL:
        """Give where backups go when the settings do not say."""
