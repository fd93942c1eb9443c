"""Output that comes in pieces, as the lines that a person reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST: Final = 16 * 1024
"""How many bytes a line may have; what is longer is cut into several."""


class Lines:
    """Gives each complete line of what it is called with to ``take``, as text without its end; no byte is lost.

    Bytes that are no UTF-8 become replacement characters. :meth:`end` gives what stands behind the last line's end.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = b""

    def __call__(self, piece: bytes) -> None:
        """Take the next piece."""
        *lines, rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._give(line)
        while len(rest) > LONGEST:
            self._give(rest[:LONGEST])
            rest = rest[LONGEST:]
        self._rest = rest

    def end(self) -> None:
        """Give what is left."""
        rest, self._rest = self._rest, b""
        if rest:
            self._give(rest)

    def _give(self, line: bytes) -> None:
        for start in range(0, max(len(line), 1), LONGEST):
            self._take(line[start : start + LONGEST].decode(errors="replace").rstrip("\r"))
