"""Alembic's entry into the deck application's migrations. deckinfra opens the database and plans the run."""

from deckinfra.migrations.environment import run

run()
