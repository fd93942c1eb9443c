"""From a fresh checkout to backups that are proven to restore.

::

    from deckinfra import open_project

    project = open_project(".")
    snapshot = project.backup()
    project.drill(snapshot.id)

The public names are loaded when they are first used, so that ``import deckinfra`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deckinfra.app import App, open_project
    from deckinfra.errors import DeckinfraError
    from deckinfra.hookspecs import hookimpl

__all__ = ["App", "DeckinfraError", "__version__", "hookimpl", "open_project"]

__version__ = "0.1.0"

_HOMES = {
    "App": "deckinfra.app",
    "DeckinfraError": "deckinfra.errors",
    "hookimpl": "deckinfra.hookspecs",
    "open_project": "deckinfra.app",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'deckinfra' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Give the public names, loaded or not."""
    return sorted(__all__)
