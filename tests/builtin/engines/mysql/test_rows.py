"""Rows off real servers: whole, in chunks, in bounded memory; and what goes wrong in the middle is an error."""

from __future__ import annotations

import hashlib
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from deckinfra.builtin.engines.mysql.codec import Codec
from deckinfra.builtin.engines.mysql.rows import LEAST, MOST, Lines, RowReader
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server as Account
from deckinfra.mysql import Session
from tests.builtin.engines.mysql.proxy import proxy
from tests.builtin.engines.mysql.support import codec_of, parsed
from tests.mysql.support import run, url_of
from tests.support.servers import Server

# Much of the same code, again and again: measured elsewhere.
pytestmark = pytest.mark.no_cover

MIB = 2**20
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
DEEP = "SET SESSION cte_max_recursion_depth = 100000"


@pytest.fixture
def session(server: Server, database: str) -> Iterator[Session]:
    run(server, None, "SET GLOBAL max_allowed_packet = 1073741824")
    with Account(url_of(server, database)).connect(database, limit=60) as found:
        found.execute(f"{DEEP}" if server.dialect == "mysql" else "SET SESSION max_recursive_iterations = 100000")
        yield found


def text_of(chunks: Sequence[Lines]) -> bytes:
    return b"".join(each.data for each in chunks)


def test_rows_are_lines_and_are_counted(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    (only,) = reader.read("SELECT 1, NULL, 'NULL', '', 'ä\\\\\\n' UNION ALL SELECT 2, '', NULL, 'x', '\\t'")
    assert only == Lines("1\t\\N\tNULL\t\tä\\\\\\n\n2\t\t\\N\tx\t\\t\n".encode(), 2)


def test_no_rows_are_no_chunks(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    assert list(reader.read("SELECT 1 FROM DUAL WHERE 1 = 0")) == []
    assert [each.rows for each in reader.read("SELECT 1")] == [1]


def test_values_come_as_they_are_stored_and_names_are_understood(session: Session, codec: Codec) -> None:
    session.execute("CREATE TABLE `tä漢` (`spalte ö` VARCHAR(9) CHARACTER SET latin1, w CHAR(2) CHARACTER SET utf16)")
    session.execute("INSERT INTO `tä漢` VALUES ('é', 'ä')")
    (only,) = RowReader(session, codec.encode).read("SELECT `spalte ö`, w FROM `tä漢` WHERE `spalte ö` = 'é'")
    assert only == Lines(b"\xe9\t\\0\xe4\n", 1)


def test_many_queries_one_after_the_other(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    for count in (1, 255, 256, 257, 1000):
        chunks = list(reader.read(NUMBERS.format(count) + "SELECT i, REPEAT('x', i) FROM n"))
        assert sum(each.rows for each in chunks) == count
        assert parsed(text_of(chunks)) == [[b"%d" % each, b"x" * each] for each in range(1, count + 1)]
    assert session.query("SELECT 7") == [(7,)]


def test_chunks_have_their_size_and_are_the_same_for_the_same_rows(session: Session, codec: Codec) -> None:
    query = NUMBERS.format(900) + "SELECT i, REPEAT('y', 10000) FROM n"
    chunks = list(RowReader(session, codec.encode).read(query))
    sizes = [len(each.data) for each in chunks]
    assert len(sizes) > 2
    assert min(sizes[:-1]) >= LEAST
    assert max(sizes) <= MOST
    assert chunks == list(RowReader(session, codec_of("plain").encode).read(query))


def test_a_chunk_ends_where_there_is_no_more_room(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode, least=2**30, most=1000)
    chunks = list(reader.read(NUMBERS.format(100) + "SELECT i, REPEAT('y', 100) FROM n"))
    assert {len(each.data) for each in chunks[:-1]} <= set(range(700, 1001))
    assert sum(each.rows for each in chunks) == 100


# The longest that the codec takes and the next; what one packet holds, to the byte; two packets; three.
SIZES = (MOST // 2 - 13, MOST // 2 - 12, *range(2**24 - 13, 2**24 - 10), 17 * MIB, 2**25 - 13, 40 * MIB)


def test_a_long_value_is_whole(session: Session) -> None:
    reader = RowReader(session, codec_of("plain").encode)
    for size in SIZES:
        query = (
            "SELECT 'before', NULL, 1 UNION ALL "
            f"SELECT 'long', RPAD('', {size}, '012\\\\'), 2 UNION ALL SELECT '', 'after', 3"
        )
        seen = hashlib.sha256()
        rows = []
        for chunk in reader.read(query):
            assert len(chunk.data) <= MOST
            seen.update(chunk.data)
            rows.append(chunk.rows)
        expected = (b"012\\" * (size // 4 + 1))[:size].replace(b"\\", b"\\\\")
        assert seen.digest() == hashlib.sha256(b"before\t\\N\t1\nlong\t" + expected + b"\t2\n\tafter\t3\n").digest()
        assert rows == [3] if len(rows) == 1 else [1, *([0] * (len(rows) - 3)), 1, 1]
        assert session.query("SELECT 7") == [(7,)]


def test_long_rows_of_every_shape(session: Session) -> None:
    one = [None, b"", b"x" * 250, b"y" * 251, b"\0" * 65536, None, b"\t" * 300, b""]
    words = ["NULL" if each is None else f"x'{each.hex()}'" for each in one]
    reader = RowReader(session, codec_of("plain").encode, most=100)
    for row, named in ((one, words), (one[::-1], words[::-1])):
        chunks = list(reader.read(f"SELECT {', '.join(named)}"))
        assert parsed(text_of(chunks)) == [row]
        assert {len(each.data) for each in chunks[:-1]} == {25}
        assert [each.rows for each in chunks] == [0] * (len(chunks) - 1) + [1]


def test_memory_is_bounded_whatever_the_rows_are(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    tracemalloc.start()
    try:
        for query in (
            "SELECT 1, REPEAT('\n', 40000000), 2",
            NUMBERS.format(15) + "SELECT i, REPEAT('z', 2000000) FROM n",
            NUMBERS.format(30000) + "SELECT i, REPEAT('z', 500) FROM n",
        ):
            for chunk in reader.read(query):
                del chunk
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


FAILS_LATE = NUMBERS.format(5000) + "SELECT i, REPEAT('x', 1000), IF(i > 4900, (SELECT 1 UNION SELECT 2), 1) FROM n"


def test_the_servers_error_in_the_middle_is_raised_and_the_session_goes_on(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    seen: list[Lines] = []
    with pytest.raises(DatabaseError, match="Subquery returns more than 1 row"):
        seen.extend(reader.read(FAILS_LATE))
    assert seen
    assert session.query("SELECT 7") == [(7,)]


def test_the_servers_error_at_once_is_raised_and_the_session_goes_on(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    with pytest.raises(DatabaseError, match="nothing_there"):
        list(reader.read("SELECT * FROM nothing_there"))
    assert [each.rows for each in reader.read("SELECT 1")] == [1]


def test_a_session_that_was_killed_is_an_error(server: Server, session: Session, codec: Codec) -> None:
    chunks = RowReader(session, codec.encode).read(NUMBERS.format(90000) + "SELECT i, REPEAT('x', 1000) FROM n")
    next(chunks)
    run(server, None, f"KILL {session.id}")
    with pytest.raises(DatabaseError, match=r"went away|Connection was killed"):
        list(chunks)


def test_a_query_that_was_killed_is_an_error(server: Server, session: Session, codec: Codec) -> None:
    chunks = RowReader(session, codec.encode).read(NUMBERS.format(90000) + "SELECT i, REPEAT('x', 1000) FROM n")
    next(chunks)
    run(server, None, f"KILL QUERY {session.id}")
    with pytest.raises(DatabaseError, match="interrupted"):
        list(chunks)


def test_what_was_left_in_the_middle_closes_the_connection(session: Session, codec: Codec) -> None:
    chunks = RowReader(session, codec.encode).read(NUMBERS.format(90000) + "SELECT i, REPEAT('x', 1000) FROM n")
    next(chunks)
    del chunks
    with pytest.raises(DatabaseError):
        session.query("SELECT 7")


def test_a_server_that_is_silent_is_given_up(server: Server, database: str, codec: Codec) -> None:
    with (
        Account(url_of(server, database)).connect(database, limit=0.5) as session,
        pytest.raises(DatabaseError, match=r"went away: .*timed out"),
    ):
        list(RowReader(session, codec.encode).read("SELECT 1 UNION ALL SELECT SLEEP(3)"))


def test_a_statement_without_rows_is_refused(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    with pytest.raises(DatabaseError, match="sent what is no row of this query"):
        list(reader.read("SET @a = 1"))


def test_warnings_are_kept_each_once(session: Session, codec: Codec) -> None:
    reader = RowReader(session, codec.encode)
    for _ in range(2):
        list(reader.read(NUMBERS.format(40) + "SELECT CAST(CONCAT('a', i) AS SIGNED) FROM n WHERE i < 4"))
    assert [each.partition(" ")[0] for each in reader.warnings] == ["1292"] * 3
    assert "'a1'" in reader.warnings[0]
    list(reader.read(NUMBERS.format(60) + "SELECT CAST(CONCAT('b', i) AS SIGNED) FROM n"))
    list(reader.read("SELECT CAST('c' AS SIGNED)"))
    assert len(reader.warnings) == 20


def test_a_connection_that_is_cut_is_an_error_and_nothing_half_is_given(
    server: Server, database: str, codec: Codec
) -> None:
    for after in (0, 1, 3, 4, 5, 1000, 300_000):
        rows, limit = list[Lines](), _Limit()
        with proxy(server.port, limit.pass_on) as port:
            account = Account(replace(url_of(server, database), port=port))
            with account.connect(database) as session:
                reader = RowReader(session, codec.encode)
                limit.allow(after)
                with pytest.raises(DatabaseError, match="went away"):
                    rows.extend(reader.read(NUMBERS.format(900) + "SELECT i, REPEAT('x', 1000) FROM n"))
        assert all(chunk.data.endswith(b"x\n") for chunk in rows)
        assert sum(chunk.rows for chunk in rows) < 900


class _Limit:
    """Passes on so many bytes, from when it was told."""

    def __init__(self) -> None:
        self._seen, self._allowed = 0, 10**9

    def allow(self, count: int) -> None:
        self._allowed = self._seen + count

    def pass_on(self, data: bytes) -> tuple[bytes, bool]:
        kept = data[: self._allowed - self._seen]
        self._seen += len(data)
        return kept, self._seen < self._allowed


SHORT = "SELECT 'a', 'MARKER' AS m, 'b'"
LONG = f"SELECT 'a', 'MARKER' AS m, RPAD('', {5 * MIB}, 'x')"


@pytest.mark.parametrize(
    ("query", "old", "new"),
    [
        (SHORT, b"\x06MARKER", b"\x05MARKER"),
        (SHORT, b"\x06MARKER", b"\xfeMARKER"),
        (LONG, b"\x06MARKER", b"\x05MARKER"),
        (LONG, b"\x06MARKER", b"\xffMARKER"),
        (LONG, b"\x06MARKER", b"\xfeMARKER"),
        (LONG, b"\x06MARKER", b"\xfbMARKER"),
        # The packet that ends the rows: another number, more to come, longer than it is, more behind it; no error.
        (SHORT, b"\x05\0\0\x07\xfe", b"\x05\0\0\x08\xfe"),
        (SHORT, b"\x07\xfe\0\0.", b"\x07\xfe\0\0\x0a"),
        (SHORT, b"\x05\0\0\x07\xfe", b"\x06\0\0\x07\xfe\0"),
        (SHORT, b"\x05\0\0\x07\xfe", b"\x05\0\0\x07\xfe\0\0\0\0more\xfe"),
        (SHORT, b"\x05\0\0\x07\xfe", b"\x01\0\0\x07\xff"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(
    server: Server, codec: Codec, query: str, old: bytes, new: bytes
) -> None:
    url = url_of(server, "mysql")
    assert url.password is not None
    password = url.password.reveal()
    with proxy(server.port, lambda data: (re.sub(old, new, data, flags=re.DOTALL), True)) as port:
        connection: Any = pymysql.connect(
            host="127.0.0.1", port=port, user="root", password=password, ssl_disabled=True, read_timeout=10
        )
        try:
            session = Session(connection, url, lambda statement: None)
            session.execute("SET NAMES utf8mb4")
            reader = RowReader(session, codec.encode)
            with pytest.raises(DatabaseError, match="sent what is no row of this query"):
                list(reader.read(query))
            assert not connection.open
        finally:
            connection._force_close()
