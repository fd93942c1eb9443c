"""Cutting a script into its statements as the servers' clients do, in memory bounded by the longest of them.

Bytes stay as they are: a dump holds values of any charset, and binary ones. What is a string, a name, or a comment is
told by single bytes, which is right for the charsets in :data:`PLAIN` and no others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from deckinfra.errors import DamagedError, RefusedError

_PLAIN: Final = """
utf8mb4 utf8mb3 utf8 latin1 latin2 latin5 latin7 ascii binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 hp8
koi8r koi8u greek hebrew macce macroman keybcs2 armscii8 geostd8 tis620 gb2312 euckr ujis eucjpms
"""
PLAIN: Final = frozenset(_PLAIN.split())
"""Charsets in which no letter has a byte that is a quote, a backslash or a backtick elsewhere."""

_BODIES: Final = {
    (b"'", True): re.compile(rb"(?:[^'\\]++|\\.)*+", re.DOTALL),
    (b'"', True): re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL),
    (b"'", False): re.compile(rb"[^']*+"),
    (b'"', False): re.compile(rb'[^"]*+'),
    (b"`", True): re.compile(rb"[^`]*+"),
    (b"`", False): re.compile(rb"[^`]*+"),
}
_BLANK: Final = re.compile(rb"\s*+")
_LINE: Final = re.compile(rb"[^\n]*+")
_DELIMITER: Final = re.compile(rb"(?i:DELIMITER)[ \t]+(\S+)[^\n]*")
_PREFIX: Final = re.compile(rb"/\*M?!\d{0,6}")
_LOOK_AHEAD: Final = 64

Kind = Literal["code", "comment", "open", "close"]


@dataclass(frozen=True)
class Statement:
    """One statement, without its delimiter: the line in which it begins, and its pieces.

    A comment that is meant for some servers, as ``/*!50003 ... */``, is what is between ``open`` and ``close``.
    """

    line: int
    pieces: tuple[tuple[Kind, bytes], ...]

    def code(self, is_run: Callable[[bytes], bool], *, comments: bool = False) -> bytes:
        """Give what is left for a server of which ``is_run`` tells whether it reads what stands in such a comment.

        It is asked with how the comment begins, as ``/*!50003``. Other comments are left out, unless asked for.
        """
        if len(self.pieces) == 1:
            return self.pieces[0][1].strip()
        parts, reads = list[bytes](), True
        for kind, text in self.pieces:
            if kind == "open":
                reads = is_run(text)
            elif kind == "close":
                reads = True
            elif reads and (kind == "code" or comments):
                parts.append(text)
                continue
            parts.append(b" ")
        return b"".join(parts).strip()


class Splitter:
    """Takes a script in pieces of any size, and gives its statements.

    ``escapes`` tells whether a backslash in a string is an escape; whoever runs the statements sets it as the server
    has it, before taking the next one. ``longest`` is how many bytes the server takes in one statement.
    """

    def __init__(self, pieces: Iterable[bytes], longest: int) -> None:
        self.escapes = True
        self._pieces = iter(pieces)
        self._longest = longest
        self._data = bytearray()
        self._is_over = False
        self._line = 1
        self._delimiter = b";"

    def statements(self) -> Iterator[Statement]:
        """Give each statement; :class:`DamagedError` if the script ends within one."""
        while self._begin():
            yield self._statement()

    def _begin(self) -> bool:
        """Go to where the next statement begins; False if there is none."""
        while True:
            self._skip(_BLANK)
            self._need(0, _LOOK_AHEAD)
            data = self._data
            if not data:
                return False
            if data.startswith(self._delimiter):
                self._drop(len(self._delimiter))
            elif found := _DELIMITER.match(data):
                # All of the line is looked at, however long it is.
                self._line_at_hand()
                found = _DELIMITER.match(self._data) or found
                self._delimiter = found[1]
                self._drop(found.end())
            elif _is_line_comment(data, 0):
                self._skip(_LINE)
            elif data.startswith(b"/*") and not _PREFIX.match(data):
                self._drop(self._end_of_comment(0))
            else:
                return True

    def _statement(self) -> Statement:
        line, pieces = self._line, list[tuple[Kind, bytes]]()
        run = _run(self._delimiter[:1], escapes=self.escapes)
        start = at = 0
        within = False

        def end(kind: Kind, stop: int, *, skip: int = 0) -> None:
            nonlocal start, at
            if stop > start:
                pieces.append((kind, bytes(self._data[start:stop])))
            start = at = stop + skip

        while True:
            at = self._run_from(run, at, line)
            sign = bytes(self._data[at : at + 1])
            self._need(at, _LOOK_AHEAD)
            if self._data.startswith(self._delimiter, at) and not within:
                end("code", at, skip=len(self._delimiter))
                self._drop(at)
                return Statement(line, tuple(pieces))
            if sign in {b"'", b'"', b"`"}:
                at = self._end_of_string(at, sign, line)
            elif within and self._data.startswith(b"*/", at):
                end("code", at)
                end("close", at + 2)
                within = False
            elif found := _PREFIX.match(self._data, at):
                if within:
                    raise RefusedError(f"in line {line} a comment for some servers has another in it", hint=_UNKNOWN)
                end("code", at)
                end("open", found.end())
                within = True
            elif self._data.startswith(b"/*", at):
                end("code", at)
                end("comment", self._end_of_comment(at))
            elif _is_line_comment(self._data, at):
                end("code", at)
                end("comment", self._end_of_line(at))
            else:
                at += 1

    # ---------------------------------------------------------------------------------------------

    def _run_from(self, run: re.Pattern[bytes], at: int, line: int) -> int:
        """Go over what is plainly code."""
        while True:
            found = run.match(self._data, at)
            at = found.end() if found else at
            if at < len(self._data):
                return at
            if not self._more():
                raise _cut(f"of a statement that begins in line {line:,}: it has no '{self._delimiter.decode()}'")

    def _end_of_string(self, at: int, quote: bytes, line: int) -> int:
        body = _BODIES[quote, self.escapes]
        at += 1
        while True:
            found = body.match(self._data, at)
            at = found.end() if found else at
            if self._data.startswith(quote, at):
                return at + 1
            if not self._more():
                raise _cut(f"of a string or a name, in a statement that begins in line {line:,}")

    def _end_of_comment(self, at: int) -> int:
        begin = at + 2
        while (end := self._data.find(b"*/", begin)) < 0:
            begin = max(at + 2, len(self._data) - 1)
            if not self._more():
                raise _cut(f"of a comment that begins in line {self._line + self._data.count(10, 0, at):,}")
        return end + 2

    def _end_of_line(self, at: int) -> int:
        while (end := self._data.find(b"\n", at)) < 0:
            at = len(self._data)
            if not self._more():
                return len(self._data)
        return end

    def _line_at_hand(self) -> None:
        self._end_of_line(0)

    def _skip(self, what: re.Pattern[bytes]) -> None:
        """Drop all that ``what`` matches from here on."""
        while True:
            found = what.match(self._data)
            self._drop(found.end() if found else 0)
            if self._data or not self._more():
                return

    def _need(self, at: int, size: int) -> None:
        """Have so many bytes at hand, if there are so many."""
        while len(self._data) - at < size and self._more():
            pass

    def _more(self) -> bool:
        """Take the next piece; False if there is none."""
        if len(self._data) > self._longest:
            raise RefusedError(
                f"the statement that begins in line {self._line:,} is longer than the {self._longest:,} bytes that the "
                "server takes",
                hint="The live database was not touched. There, set max_allowed_packet to more than the longest "
                "statement has, up to 1 GiB, as by SET GLOBAL max_allowed_packet = 1073741824; then run it again.",
            )
        for piece in self._pieces:
            if piece:
                self._data += piece
                return True
        return False

    def _drop(self, size: int) -> None:
        self._line += self._data.count(b"\n", 0, size)
        del self._data[:size]


_UNKNOWN: Final = "The live database was not touched. Look at that line: no dump tool is known to write this."


def _cut(where: str) -> DamagedError:
    return DamagedError(
        f"the script ends in the middle {where}",
        hint="The live database was not touched. Was the file cut off? Look at its end, and get a whole one.",
    )


def _is_line_comment(data: bytearray, at: int) -> bool:
    """Whether one begins there: two minus signs are one only before a blank, or at the end."""
    return data.startswith(b"#", at) or (
        data.startswith(b"--", at) and (len(data) == at + 2 or data[at + 2] <= ord(" "))
    )


@cache
def _run(delimiter: bytes, *, escapes: bool) -> re.Pattern[bytes]:
    """Give what matches as much code as there is to the next delimiter, comment, or string that is not whole."""
    signs = {b"'", b'"', b"`", b"/", b"*", b"-", b"#", delimiter}
    other = b"".join(re.escape(sign) for sign in sorted(signs))
    inner = rb"|\\." if escapes else b""
    barred = rb"\\" if escapes else b""
    parts = [
        rb"[^%b]++" % other,
        rb"'(?:[^'%b]++%b)*+'" % (barred, inner),
        rb'"(?:[^"%b]++%b)*+"' % (barred, inner),
        rb"`[^`]*+`",
    ]
    # What may be the beginning of a comment is passed over only where the next byte tells that it is none.
    parts += [
        rb"%b(?=[^%b])" % (re.escape(sign), re.escape(after))
        for sign, after in ((b"-", b"-"), (b"/", b"*"), (b"*", b"/"))
        if sign != delimiter
    ]
    return re.compile(rb"(?:%b)*+" % b"|".join(parts), re.DOTALL)
