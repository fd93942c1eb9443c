"""Every error that deckinfra raises on purpose, and the exit code that each one ends a task with.

::

    DeckinfraError            1   anything below; on its own: an unexpected fault
    ├── UsageError            2   the call is wrong: an option, a combination
    │   └── UnknownNameError  2   no environment, plugin, scheme, snapshot, revision … of that name
    ├── ConfigurationError    3   settings or project files are missing or wrong
    │   └── PluginError       3   a plugin that is needed did not load, or two claim one name
    ├── DatabaseError         4   the database cannot be reached, opened or read
    │   └── MigrationError    5   a migration failed or cannot be planned
    ├── StoreError            6   the place where backups are kept did not do what was asked
    │   ├── BlobNotFoundError 6   nothing is stored under that name
    │   └── BlobExistsError   6   something is, and it must not be replaced
    ├── RepositoryError       7   not a repository, a newer format, no snapshot in it
    │   └── DamagedError      8   what is stored is not what was written
    ├── LockedError           9   somebody else is at work there
    ├── RefusedError         10   needs a person's consent, or is not allowed in production
    ├── TimeLimitError       11   waited as long as was agreed
    ├── CommandError         12   a command that was run ended badly
    ├── ChecksFailedError    13   the checks ran, and found problems
    └── StackError           14   the services cannot be built, started or reached, or are not healthy

Errors of other libraries are wrapped, with ``from``, where they are first met.
"""

from __future__ import annotations

from typing import ClassVar


class DeckinfraError(Exception):
    """Base of all errors raised on purpose.

    ``message`` says in one line what happened, to what; ``hint`` says what is safe now and what to
    run next. Neither ever holds a secret.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DeckinfraError):
    """The call is wrong: an option, a value, a combination."""

    exit_code = 2


class UnknownNameError(UsageError):
    """There is nothing of that name: an environment, plugin, scheme, snapshot, revision, remote."""


class ConfigurationError(DeckinfraError):
    """Settings or project files are missing or wrong."""

    exit_code = 3


class PluginError(ConfigurationError):
    """A plugin that is needed did not load, or two plugins claim one name."""


class DatabaseError(DeckinfraError):
    """The database cannot be reached, opened, read or written."""

    exit_code = 4


class MigrationError(DatabaseError):
    """A migration failed, or cannot be planned."""

    exit_code = 5


class StoreError(DeckinfraError):
    """The place where backups are kept did not do what it was asked to."""

    exit_code = 6


class BlobNotFoundError(StoreError):
    """Nothing is stored under that name."""


class BlobExistsError(StoreError):
    """Something is stored under that name already, and must not be replaced."""


class RepositoryError(DeckinfraError):
    """There is no repository there, or one that this version cannot use."""

    exit_code = 7


class DamagedError(RepositoryError):
    """What is stored is not what was written: missing, cut short or changed."""

    exit_code = 8


class LockedError(DeckinfraError):
    """Somebody else is at work there, and did not finish within the time limit."""

    exit_code = 9


class RefusedError(DeckinfraError):
    """It needs a person's consent that was not given, or is not allowed in production."""

    exit_code = 10


class TimeLimitError(DeckinfraError):
    """It took longer than was agreed, and was given up."""

    exit_code = 11


class CommandError(DeckinfraError):
    """A command that was run for you could not start, or ended with a failure."""

    exit_code = 12


class ChecksFailedError(DeckinfraError):
    """The checks ran to their end and found problems."""

    exit_code = 13


class StackError(DeckinfraError):
    """The services cannot be built, started or reached, or do not become healthy."""

    exit_code = 14
