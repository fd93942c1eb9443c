"""Names on a server: quoting them, and the names of the schemas that lie beside a database.

For a database ``deck``::

    deck__deckinfra         what is known of the others: see :mod:`.workspace`
    deck__scratch_5f3a9c01  being loaded, not live yet
    deck__kept_20261123…z   what a restore replaced

A server takes 64 characters. Of a longer name the beginning and a digest stand for the whole. Names of
ours are in lower case, so that they read the same on servers that fold the case of names.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

LIMIT: Final = 64
"""How many characters a server takes in a name."""

_DIGEST: Final = 8
_KEPT: Final = "__kept_"
_ID: Final = "%Y%m%dT%H%M%S%fZ"


def quoted(name: str) -> str:
    """Quote one identifier."""
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def qualified(schema: str, name: str) -> str:
    """Quote the name of something in a schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def workspace_of(database: str) -> str:
    """Give the name of the schema that holds what is known of the others beside ``database``."""
    return _beside(database, "__deckinfra")


def scratch_of(database: str, identity: str) -> str:
    """Give the name of a schema that is not live yet."""
    return _beside(database, f"__scratch_{identity.lower()}")


def kept_of(database: str, identity: str) -> str:
    """Give the name of the schema of a kept state."""
    return _beside(database, f"{_KEPT}{identity.lower()}")


def is_name_of_kept(database: str, schema: str) -> bool:
    """Whether a schema is called as kept states of ``database`` are. Servers may have folded the case of both names."""
    _, mark, identity = schema.rpartition(_KEPT)
    return bool(mark and identity) and kept_of(database, identity).casefold() == schema.casefold()


def aside_of(table: str, which: str) -> str:
    """Give the name that ``table`` has in its own schema for a moment; ``which`` is ``old`` or ``new``."""
    return f"deckinfra~{which}~{_digest(table)}"


def digest_of(text: str, size: int) -> str:
    """Give ``size`` hexadecimal digits that stand for ``text``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:size]


def next_id(newest: str, moment: datetime) -> str:
    """Give the id of a state kept at ``moment``, after ``newest`` (or empty): ids sort in the order of the swaps."""
    identity = f"{moment:{_ID}}"
    if identity > newest:
        return identity
    return f"{datetime.strptime(newest, _ID).replace(tzinfo=UTC) + timedelta(microseconds=1):{_ID}}"


def _beside(database: str, suffix: str) -> str:
    room = LIMIT - len(suffix)
    if len(database) <= room:
        return database + suffix
    return f"{database[: room - _DIGEST - 1]}~{digest_of(database, _DIGEST)}{suffix}"


def _digest(name: str) -> str:
    return digest_of(name, 16)
