"""The rows in the INSERT statements of a dump: how many there are, and a checksum of them that knows no order.

Nothing is taken for a row that is not outside of text: a value in a dump holds no bracket that is not in quotes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from math import isfinite
from typing import Final

from deckinfra.errors import DatabaseError

INSERT: Final = b"\nINSERT INTO `"
"""How the first statement with rows begins, with the end of the line before it."""

_PREFIX: Final = re.compile(rb"INSERT INTO `(?:[^`]|``)*` (?:\((?:`(?:[^`]|``)*`(?:, )?)*\) )?VALUES[ \n]")

_NAME: Final = re.compile(rb"`((?:[^`]|``)*)`")

_OUTSIDE: Final = re.compile(rb"['()]|(?<=[(,])-0(?=[,)])")
_OUTSIDE_COLUMNS: Final = re.compile(rb"['(),]|(?<=[(,])-0(?=[,)])")
_INSIDE: Final = re.compile(rb"'|\\.", re.DOTALL)
_INSIDE_JSON: Final = re.compile(
    rb"'|\\.|(?<=[\[ '])-?\d{1,400}(?:\.\d{1,400})?(?:e[-+]?\d{1,5})?(?=[,\]}'])", re.DOTALL
)
"""What a text may hold: its end, an escape, and a number of a JSON document."""

_OPEN: Final = b"-+.0123456789eE\\ ['(,"
"""What a piece may end with in the middle of a number or an escape, or just before one. The rest comes first."""

_MOST_OPEN: Final = 128 * 1024
_MODULUS: Final = 2**256


class RowText:
    """Gives the text of a table's rows, without what their statements begin with.

    ``columns`` are those that the statements name, as soon as the first one has begun.
    """

    def __init__(self) -> None:
        self._prefix = b""
        self.columns: tuple[str, ...] = ()

    def of(self, data: bytes, fresh: bool) -> bytes:
        """Take the next bytes, at whose start a line begins if they are ``fresh``."""
        text = b"\n" + data if fresh else data
        if not self._prefix:
            start = text.find(INSERT)
            if start < 0:
                return b""
            self._prefix = _prefix(text, start + 1)
            names = _NAME.findall(self._prefix)[1:]
            self.columns = tuple(name.replace(b"``", b"`").decode(errors="replace") for name in names)
            text = text[start:]
        return text.replace(b"\n" + self._prefix, b"\n")


class RowCounter:
    """Counts rows in any pieces of their text: the brackets that are not in quotes.

    Escaped quotes are taken out, then the text is cut at the quotes that are left: every second piece is outside.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._quoted = False
        self._held = b""

    def add(self, text: bytes) -> None:
        """Take the next piece."""
        text = (self._held + text).replace(b"\\\\", b"")
        self._held = b"\\" if text.endswith(b"\\") else b""
        pieces = text.removesuffix(b"\\").replace(b"\\'", b"").split(b"'")
        self.rows += b"".join(pieces[self._quoted :: 2]).count(b"(")
        self._quoted ^= len(pieces) % 2 == 0


class RowSum:
    """The sum of the SHA-256 of each row, in any pieces of their text: the same in whatever order they come.

    A sum, since rows that are there twice would not count in an XOR. A zero's minus sign does not count. Neither does,
    in the columns at the places ``json``, how a number is written that only a DOUBLE can hold: ``1.10`` is ``1.1``.
    """

    def __init__(self, json: Collection[int] = ()) -> None:
        self._json = frozenset(json)
        self._column = 0
        self._sum = 0
        self._row = hashlib.sha256()
        self._quoted = False
        self._held = b""

    def add(self, text: bytes) -> None:
        """Take the next piece."""
        text = self._held + text
        end = len(text.rstrip(_OPEN))
        if len(text) - end > _MOST_OPEN:  # no number is so long; but an escape must stay whole
            end = len(text) - (len(text) - len(text.rstrip(b"\\"))) % 2
        self._held = text[end:]
        self._take(text[:end])

    def hexdigest(self) -> str:
        """Give the sum, when all pieces were taken."""
        self._take(self._held)
        self._held = b""
        return f"{self._sum % _MODULUS:064x}"

    def _take(self, text: bytes) -> None:
        begin = position = 0
        while found := self._tokens().search(text, position):
            token, position = found[0], found.end()
            if token == b"'":
                self._quoted = not self._quoted
            elif token == b"(":
                self._row, begin, self._column = hashlib.sha256(), position, 0
            elif token == b",":
                self._column += 1
            elif token == b")":
                self._row.update(text[begin : found.start()])
                self._sum += int.from_bytes(self._row.digest())
                begin = position
            elif not token.startswith(b"\\"):
                self._row.update(text[begin : found.start()] + (_double(token) if self._quoted else b"0"))
                begin = position
        self._row.update(text[begin:])

    def _tokens(self) -> re.Pattern[bytes]:
        if not self._quoted:
            return _OUTSIDE_COLUMNS if self._json else _OUTSIDE
        return _INSIDE_JSON if self._column in self._json else _INSIDE


def _double(number: bytes) -> bytes:
    """Write a number of a JSON document as a DOUBLE, if it is not one that BIGINT holds."""
    if b"." not in number and b"e" not in number and -(2**63) <= int(number) < 2**64:
        return number
    value = float(number)
    return repr(value).encode() if isfinite(value) else number


def _prefix(text: bytes, start: int) -> bytes:
    """Give what each statement begins with: names may hold brackets and quotes, too."""
    found = _PREFIX.match(text, start)
    if found is None:
        line = text[start : start + 80].decode(errors="replace")
        raise DatabaseError(
            f"the dump tool printed what is not known to be rows: {line}",
            hint="Nothing was changed. This is an error here.",
        )
    return found[0]
