"""What is told about one plugin, and the one line that says why it failed."""

from __future__ import annotations

from dataclasses import dataclass

from deckinfra.errors import DeckinfraError


@dataclass(frozen=True)
class PluginRecord:
    """One plugin that was found.

    ``origin`` is ``built-in``, ``installed`` or ``project``; ``status`` is ``loaded``, ``failed`` or ``disabled``,
    and ``reason`` says why in one line (empty where it is loaded). ``location`` is a dotted name, or a
    path from the project's root; ``version`` is empty where it has none; ``hooks`` are those it implements.
    """

    name: str
    origin: str
    status: str
    location: str
    version: str
    reason: str
    hooks: tuple[str, ...]


def reason_of(error: BaseException) -> str:
    """Say in one line what went wrong in somebody else's code."""
    if isinstance(error, DeckinfraError):
        return error.message
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text else name
