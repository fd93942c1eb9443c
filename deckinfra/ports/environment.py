"""Where the application and its database run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

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


@runtime_checkable
class ThrowawayEnvironment(Environment, Protocol):
    """An environment that can also bring a database server for a moment, of the kind that its own database is on."""

    def throwaway(self, purpose: str, *, output: Callable[[bytes], None]) -> AbstractContextManager[Environment]:
        """Start a server that nobody else uses, and give an environment whose database is on it, once it answers.

        The database is called as this environment's, and empty; its URL has an account that may do anything there, and
        its label says what server that is, with its version. Nothing is asked of the live server, which may be gone.
        The server and its data are gone when the context ends; what a process that died left is removed by the next
        call. ``output`` gets what there is to see meanwhile. :class:`StackError` says why there is none.
        """
