"""JSON documents on MySQL, of which text does not carry all: they are backed up as text, since there is no other way.

A DECIMAL within a document comes back as a DOUBLE: ``1.10`` as ``1.1``. So the text of a restored table may differ
where nothing is wrong. Where it does, the rows that were stored and those that are there are compared once more, whole
rows, but for how a number is written that is no whole one of 64 bits. Dates, times and binary values come back as
strings that read the same. Both is warned of where the first rows of a table have such: to look through all of them
would take about as long as the backup.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Final

from deckinfra.mysql import Session
from deckinfra.mysql.names import qualified, quoted

from .inserting import lines
from .shape import Shape

_LOOKED_AT: Final = 1000
_BYTES: Final = 8 * 1024 * 1024
"""Up to how many rows, or about how many bytes of them, are looked at of each column."""

_NULL: Final = b"\\N"
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?', re.DOTALL)
_MODULUS: Final = 2**256


def has_documents(shape: Shape, vendor: str) -> bool:
    """Whether a table may come back with other text than it had."""
    return vendor == "mysql" and any(column.kind == "json" for column in shape.columns)


def alike(shape: Shape, stored: Iterable[bytes], there: Iterable[bytes]) -> bool:
    """Whether two texts of a table's rows say the same, though numbers within documents may be written otherwise."""
    return _sum(shape, stored) == _sum(shape, there)


def notices(session: Session, schema: str, shape: Shape) -> Iterator[str]:
    """Say what of the documents in the first rows of a table does not come back as it was."""
    place = qualified(schema, shape.name)
    average = session.query(
        "SELECT COALESCE(AVG_ROW_LENGTH, 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        schema,
        shape.name,
    )[0][0]
    most = max(1, min(_LOOKED_AT, _BYTES // max(1, int(average))))
    for column in shape.columns:
        if column.kind != "json":
            continue
        numbers, types = session.query(
            f"SELECT COALESCE(SUM(NOT (again <=> text)), 0), COALESCE(SUM(again <=> text AND NOT same), 0) FROM "  # noqa: S608
            f"(SELECT CAST(j AS CHAR) AS text, CAST(CAST(CAST(j AS CHAR) AS JSON) AS CHAR) AS again, "
            f"CAST(CAST(j AS CHAR) AS JSON) <=> j AS same "
            f"FROM (SELECT {quoted(column.name)} AS j FROM {place} LIMIT {most}) AS first) AS looked"
        )[0]
        if int(numbers):
            yield f"of {shape.name}.{column.name} decimals within JSON come back as the nearest DOUBLE"
        if int(types):
            yield f"of {shape.name}.{column.name} dates, times and binary values within JSON come back as text"


def _sum(shape: Shape, chunks: Iterable[bytes]) -> int:
    """Give a sum of the rows, in whatever order they come."""
    places = [place for place, column in enumerate(shape.columns) if column.kind == "json"]
    rows = (hashlib.sha256(_plain(line, places)).digest() for line in lines(chunks))
    return sum(map(int.from_bytes, rows)) % _MODULUS


def _plain(line: bytes, places: Sequence[int]) -> bytes:
    """Write the numbers in a row's documents in one way."""
    fields = line.split(b"\t")
    for place in places:
        if fields[place] != _NULL:
            fields[place] = _TOKEN.sub(_number, fields[place].replace(b"\\\\", b"\\"))
    return b"\t".join(fields)


def _number(found: re.Match[bytes]) -> bytes:
    token = found[0]
    is_whole = b"." not in token and b"e" not in token.lower()
    if token.startswith(b'"') or (is_whole and -(2**63) <= int(token) < 2**64):
        return token
    value = float(token)
    return repr(value).encode() if isfinite(value) else token
