"""A stored snapshot as text that the servers' own clients load: the dump, and what stands around its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deckinfra.core.documents import field_of
from deckinfra.errors import DamagedError
from deckinfra.mysql.writing import written
from deckinfra.ports import SnapshotReader

from .snapshot import OBJECTS, objects_in

_WHAT: Final = "the snapshot"
_WORD: Final = re.compile(r"\w+\Z", re.ASCII)
_MODES: Final = b"SET @deckinfra_mode = @@SESSION.sql_mode, @deckinfra_zone = @@SESSION.time_zone;\n"
_PUT_BACK: Final = b"SET NAMES utf8mb4;\nSET SESSION sql_mode = @deckinfra_mode, SESSION time_zone = @deckinfra_zone;\n"


def script_of(source: SnapshotReader) -> Iterator[bytes]:
    """Give the dump, then statements that make views, triggers, routines and events."""
    charset, collation = (field_of(source.details, name, str, _WHAT) for name in ("charset", "collation"))
    if not _WORD.match(charset) or not _WORD.match(collation):
        raise DamagedError(f"{_WHAT} names no charset that there is")
    yield f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation};\n".encode()
    for part in source.parts:
        if part.facts.kind != OBJECTS:
            yield from source.read(part)
    yield b"\n" + _MODES
    yield from written(objects_in(source), collation)
    yield _PUT_BACK
