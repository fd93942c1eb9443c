"""What goes wrong with cards from outside."""

from __future__ import annotations

from deckinfra.errors import DeckinfraError


class CardsError(DeckinfraError):
    """The cards could not be had, or are not what they should be. Nothing was changed."""

    exit_code = 20
