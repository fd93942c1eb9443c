"""Cutting scripts into statements, whatever the pieces are in which they come."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckinfra.errors import DamagedError, DeckinfraError, RefusedError
from deckinfra.mysql.statements import Splitter

SCRIPT = rb"""-- a comment; with a sign
# another; one
/* and; one more */
SELECT ';', "a;\"b", `;`, 'it''s; \'', 1 -- end ; of line
 , 2--1, 4/2, 3*2 # more ;
 /* ; */ ;
/*!50001 CREATE VIEW v AS SELECT ';*/' */;;
INSERT INTO t VALUES (_binary 'x')  ;
DELIMITER ;;
CREATE PROCEDURE p() BEGIN SELECT 1; SELECT '/*!50003 '; /* a; 'comment' */ END;;
delimiter //  and what follows
SELECT 6/2 ; SELECT 7 //
DELIMITER ;
COMMIT;

-- Dump completed
""".replace(b"x", bytes(range(1, 39)) + bytes(range(40, 92)) + bytes(range(93, 256)))

FOUND = [
    (4, rb"""SELECT ';', "a;\"b", `;`, 'it''s; \'', 1"""),
    (7, b"CREATE VIEW v AS SELECT ';*/'"),
    (8, b"INSERT INTO t VALUES (_binary '"),
    (11, b"CREATE PROCEDURE p() BEGIN SELECT 1; SELECT '/*!50003 ';   END"),
    (13, b"SELECT 6/2 ; SELECT 7"),
    (15, b"COMMIT"),
]


def _split(pieces: Iterable[bytes], *, escapes: bool = True, longest: int = 10**6) -> list[tuple[int, bytes]]:
    splitter = Splitter(pieces, longest)
    splitter.escapes = escapes
    return [(each.line, each.code(lambda prefix: True)) for each in splitter.statements()]


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def test_statements_end_at_their_delimiters_and_nowhere_else() -> None:

    found = _split([SCRIPT])
    assert [line for line, _ in found] == [line for line, _ in FOUND]
    for (_, text), (_, expected) in zip(found, FOUND, strict=True):
        assert text.startswith(expected)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100])
def test_it_does_not_matter_in_which_pieces_a_script_comes(size: int) -> None:
    assert _split(_cut(SCRIPT, size)) == _split([SCRIPT])


@given(
    st.lists(st.sampled_from([b"'", b'"', b"`", b"\\", b";", b"--", b" ", b"/*", b"*/", b"/*!5", b"#", b"\n", b"a"]))
)
def test_nor_for_any_other_text(parts: list[bytes]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        try:
            return _split(pieces)
        except DeckinfraError as error:
            return type(error)

    data = b"".join(parts)
    assert outcome(_cut(data, 1)) == outcome([data])


def test_comments_are_kept_only_where_they_are_asked_for() -> None:
    (statement,) = Splitter(
        [b"CREATE /*!50020 DEFINER=a*/ /* why */ /*M!100 x*/ PROCEDURE -- so\n p;"], 100
    ).statements()
    asked = list[bytes]()

    def is_run(prefix: bytes) -> bool:
        asked.append(prefix)
        return prefix.startswith(b"/*!")

    assert statement.code(is_run).split() == [b"CREATE", b"DEFINER=a", b"PROCEDURE", b"p"]
    assert statement.code(is_run, comments=True).split() == b"CREATE DEFINER=a /* why */ PROCEDURE -- so p".split()
    assert set(asked) == {b"/*!50020", b"/*M!100"}


def test_a_backslash_is_an_escape_where_the_server_takes_it_for_one() -> None:
    assert len(_split([rb"SELECT 'a\'; SELECT 'b';"], escapes=False)) == 2
    with pytest.raises(DamagedError, match="in the middle of a string"):
        _split([rb"SELECT 'a\'; SELECT b;"])


@pytest.mark.parametrize(
    "text", ["SELECT 1", "SELECT 'a", "SELECT `a", "/* a", "SELECT /* a", "SELECT /*!5 1;", "a -- b"]
)
def test_a_script_that_ends_within_a_statement_is_cut_off(text: str) -> None:
    with pytest.raises(DamagedError, match="ends in the middle") as caught:
        _split([b"SELECT 1;\n", text.encode()])
    assert "begins in line 2" in caught.value.message


def test_a_statement_longer_than_the_server_takes_is_refused_before_it_is_read() -> None:
    pieces = iter([b"SELECT '"] + [b"a" * 1000] * 1000)
    with pytest.raises(RefusedError, match="line 1 is longer than the 5,000 bytes"):
        _split(pieces, longest=5000)
    assert len(list(pieces)) > 900


def test_a_comment_for_some_servers_within_another_is_refused() -> None:
    with pytest.raises(RefusedError, match="in line 1"):
        _split([b"/*!50001 SELECT /*!50002 1 */ */;"])
