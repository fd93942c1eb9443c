"""Lists of chunks: an object that names the chunks of a part, so that manifests stay small.

A list is text, a line a chunk: its id, a space, its size in bytes. A list holds at most
:data:`CHUNKS_IN_A_LIST` of them, and a part has as many lists as it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import DamagedError

CHUNKS_IN_A_LIST: Final = 4096
_LINE: Final = re.compile(r"([0-9a-f]{64}) (\d{1,9})\Z")


@dataclass(frozen=True)
class ChunkEntry:
    """One chunk in a list: the id of its object, and the size of its content in bytes."""

    identity: str
    size: int


def encode_list(entries: Iterable[ChunkEntry]) -> bytes:
    """Write a list."""
    return "".join(f"{entry.identity} {entry.size}\n" for entry in entries).encode()


def decode_list(data: bytes, what: str) -> list[ChunkEntry]:
    """Read a list; a :class:`DamagedError` that names ``what`` if it is none."""
    entries = []
    for line in data.decode("ascii", "replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            raise DamagedError(f"{what} is not a list of chunks")
        entries.append(ChunkEntry(match[1], int(match[2])))
    return entries
