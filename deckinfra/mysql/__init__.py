"""What engines for MySQL and MariaDB share: connections, the lock, and the swap that keeps what it replaces."""

from __future__ import annotations

from deckinfra.mysql.cutover import unlogged
from deckinfra.mysql.definitions import SchemaObject
from deckinfra.mysql.live import LiveDatabase, Scratch
from deckinfra.mysql.moving import ALL, Moving
from deckinfra.mysql.objects import ObjectSet
from deckinfra.mysql.rights import missing_rights
from deckinfra.mysql.server import Server, Session
from deckinfra.mysql.tables import crossing_foreign_keys, unsupported_objects

__all__ = [
    "ALL",
    "LiveDatabase",
    "Moving",
    "ObjectSet",
    "SchemaObject",
    "Scratch",
    "Server",
    "Session",
    "crossing_foreign_keys",
    "missing_rights",
    "unlogged",
    "unsupported_objects",
]
