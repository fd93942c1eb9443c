"""The deck builder's API: cards of the game, users, and the decks that they build."""

__version__ = "0.1.0"
