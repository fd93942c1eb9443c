"""Migrations: Alembic's graph and operations, run so that every revision is all or nothing where the database can."""

from deckinfra.migrations.runner import Migrator

__all__ = ["Migrator"]
