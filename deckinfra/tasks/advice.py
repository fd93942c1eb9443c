"""The commands that messages advise, as they have to be typed here: program, environment and remote of this run.

The library's hints say ``'invoke db.migrate'``. Typed as it stands after a task with ``-e production``, that
would work on another database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Final

from deckinfra.errors import DatabaseError, RepositoryError, UnknownNameError

_ADVICE: Final = re.compile(r"'invoke ([a-z][a-z0-9.-]*)([^']*)'")
_PLAIN: Final = re.compile(r"\binvoke (?=(?:db|env|stack)\.|setup|doctor|status|deploy|plugins|test|bench|--)")
_NOWHERE: Final = {"plugins", "test", "bench"}
_REMOTE: Final = {"db.backup", "db.backups", "db.verify", "db.drill", "db.restore", "db.prune"}


def adviser(program: str, environment: str | None, remote: Any) -> Callable[[str], str]:
    """Give what puts the commands in a text right.

    ``program`` is how this one was called (``invoke``, ``deckinfra``, a path of one); ``environment`` and ``remote``
    are the options that its task was given, if any.
    """
    called = PurePath(program).name
    name = called if called == "deckinfra" else "invoke"
    repository = "" if not remote else " --remote" if remote is True else f" --remote={remote}"

    def put_right(advice: re.Match[str]) -> str:
        task, rest = advice[1], advice[2]
        here = f" -e {environment}" if environment and task not in _NOWHERE and " -e " not in rest else ""
        there = repository if task in _REMOTE and "--remote" not in rest else ""
        return f"'invoke {task}{here}{there}{rest}'"

    return lambda text: _PLAIN.sub(f"{name} ", _ADVICE.sub(put_right, text))


@contextmanager
def naming_others(root: Path, environment: str) -> Iterator[None]:
    """Add to an error about what is not there in ``environment``, which nobody named, which others were set up here."""
    try:
        yield
    except (DatabaseError, RepositoryError, UnknownNameError) as error:
        others = [name for name in _set_up(root) if name != environment]
        if others:
            options = " or ".join(f"-e {name}" for name in others)
            error.hint = f"{error.hint} This was the environment '{environment}'; another one is meant by {options}."
            error.hint = error.hint.lstrip()
        raise


def _set_up(root: Path) -> list[str]:
    """Give the environments that have secrets of their own."""
    try:
        return sorted(folder.name for folder in (root / ".secrets").iterdir() if folder.is_dir())
    except OSError:
        return []
