"""This project's tasks: deckinfra's, and those of its plugins. ``invoke --list`` shows them."""

from pathlib import Path

from deckinfra.tasks import namespace

ns = namespace(Path(__file__).parent)
