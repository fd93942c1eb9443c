"""Ranges of a key that stay where they are: what is read at once, by one connection, and is one part of a snapshot.

A range is as many numbers wide as the next power of two that makes about :data:`SIZE` bytes of rows. So the bounds are
the same from backup to backup, whatever comes and goes, and those of a table that has grown lie on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deckinfra.mysql import Session
from deckinfra.mysql.names import qualified, quoted

from .shape import Shape

SIZE: Final = 16 * 1024 * 1024
"""About how many bytes of rows are in one range."""

MOST: Final = 1024
"""How many ranges of one table there are at most."""


@dataclass(frozen=True)
class Range:
    """The rows of a table whose key is from ``low`` up to but not ``high``; None is no bound."""

    shape: Shape
    low: int | None
    high: int | None

    @property
    def is_whole(self) -> bool:
        """Whether those are all rows of the table."""
        return self.low is None and self.high is None

    def query(self, schema: str) -> str:
        """Give the statement that reads its rows."""
        return self.shape.query(schema, self.low, self.high)


def bounds_of(session: Session, schema: str, shape: Shape, size: int) -> tuple[int, ...]:
    """Give where each range but the first begins, for a table of about ``size`` bytes, as the connection sees it."""
    if not shape.ranged or size <= SIZE:
        return ()
    key = quoted(shape.key[0])
    place = f"{qualified(schema, shape.name)} FORCE INDEX ({quoted(shape.index)})"
    least, most = session.query(f"SELECT MIN({key}), MAX({key}) FROM {place}")[0]  # noqa: S608
    if least is None:
        return ()
    width = int(most) - int(least) + 1
    wanted = max(-(-width * SIZE // size), -(-width // MOST))
    step = 1 << (wanted - 1).bit_length()
    return tuple(range((int(least) // step + 1) * step, int(most) + 1, step))


def ranges_of(shape: Shape, bounds: tuple[int, ...]) -> list[Range]:
    """Give the ranges between ``bounds``, which leave out no row of any key."""
    return [Range(shape, low, high) for low, high in zip((None, *bounds), (*bounds, None), strict=True)]
