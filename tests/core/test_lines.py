from __future__ import annotations

import pytest

from deckinfra.core.lines import LONGEST, Lines


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\n\ntw", b"o"], ["one", "", "two"]),
        ([b"windows\r\n"], ["windows"]),
        ([b"\xc3", b"\xa4\n"], ["ä"]),
        ([b"\xff\n"], ["\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_lines_are_given_when_they_are_complete(pieces: list[bytes], expected: list[str]) -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    for piece in pieces:
        lines(piece)
    lines.end()
    lines.end()
    assert seen == expected


def test_a_line_without_end_is_cut() -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    for _ in range(5):
        lines(b"x" * LONGEST)
    assert [len(line) for line in seen] == [LONGEST] * 4
    lines(b"y" * (2 * LONGEST) + b"\nz")
    lines.end()
    assert "".join(seen) == "x" * 5 * LONGEST + "y" * 2 * LONGEST + "z"
    assert max(map(len, seen)) == LONGEST
