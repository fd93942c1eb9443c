"""The tasks on cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckinfra.tasks import Terminal, task
from deckinfra.tasks.text import count, listing

if TYPE_CHECKING:
    from deckinfra.app import App

    from .ingest import IngestResult


def _show(result: IngestResult, terminal: Terminal) -> None:
    terminal.line(
        f"{result.source}: {count(result.added, 'card')} added, {result.changed} changed, "
        f"{result.unchanged} as they were."
    )
    if result.unknown:
        terminal.line(f"Not in it, but in the database, where decks may have them: {listing(result.unknown_names)}.")


@task(show=_show, help={"file": "A file of the API's format to read instead of asking the API."})
def ingest(project: App, file: str = "") -> IngestResult:
    """Bring the cards up to date from the official API.

    Arenas, which it does not tell, stay as they are; cards that it no longer has are told, and stay.
    """
    from .ingest import ingest as bring_in

    return bring_in(project, file)
