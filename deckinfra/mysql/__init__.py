"""What engines for MySQL and MariaDB share: connections, the lock, and the swap that keeps what it replaces."""

from __future__ import annotations

from deckinfra.mysql.definitions import SchemaObject
from deckinfra.mysql.live import LiveDatabase, Scratch
from deckinfra.mysql.objects import ObjectSet
from deckinfra.mysql.rights import missing_rights
from deckinfra.mysql.server import Server, Session

__all__ = ["LiveDatabase", "ObjectSet", "SchemaObject", "Scratch", "Server", "Session", "missing_rights"]
