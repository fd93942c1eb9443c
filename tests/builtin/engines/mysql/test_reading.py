"""Ranges read in parallel: every row once, memory bounded, and nothing left running, however it ends."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.ranges import MOST, SIZE, Range, bounds_of, ranges_of
from deckinfra.builtin.engines.mysql.reading import TABLE, Checksum, ParallelReader, key_of
from deckinfra.builtin.engines.mysql.rows import Lines
from deckinfra.builtin.engines.mysql.shape import Shape, shapes_in
from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server as Account
from deckinfra.mysql import Session
from deckinfra.mysql.names import quoted
from deckinfra.system.priority import NICE
from tests.mysql.support import name_of_a_database, run, url_of
from tests.support.servers import Server

MIB = 2**20
LARGE = 64
"""Mebibytes of rows in the table ``large``: more than waits to be taken, and is underway."""


def shapes(server: Server, database: str, *names: str) -> list[Shape]:
    with Account(url_of(server, database)).connect() as session:
        return shapes_in(session, database, names)


@contextmanager
def reader_of(
    server: Server, database: str, ranges: Sequence[Range], connections: int = 3
) -> Iterator[tuple[ParallelReader, list[Session]]]:
    """Read through connections of root's, and see that neither they nor any thread are left."""
    before = set(threading.enumerate())
    account = Account(url_of(server, database))
    with ExitStack() as stack:
        sessions = [stack.enter_context(account.connect()) for _ in range(connections)]
        numbers = [session.id for session in sessions]
        reader = ParallelReader(sessions, chosen({}).encode, database, ranges)
        began = time.monotonic()
        try:
            with reader:
                yield reader, sessions
                began = time.monotonic()
        finally:
            assert time.monotonic() - began < 30
            assert set(threading.enumerate()) <= before
    deadline = time.monotonic() + 20
    while left := connected(server, numbers):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def connected(server: Server, numbers: Sequence[int]) -> list[int]:
    """Give those connections that the server still has."""
    return [
        number for (number,) in run(server, None, "SELECT ID FROM information_schema.PROCESSLIST") if number in numbers
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
@pytest.mark.parametrize("patient", [True, False])
def test_a_backup_gives_way_but_not_where_others_wait_for_its_locks(mariadb_server: Server, patient: bool) -> None:
    with name_of_a_database(mariadb_server) as database:
        run(mariadb_server, None, f"CREATE DATABASE {quoted(database)}")
        run(mariadb_server, database, "CREATE TABLE a (id INT)", "CREATE TABLE b (id INT)")
        run(mariadb_server, database, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)")
        ranges = [each for shape in shapes(mariadb_server, database, "a", "b") for each in ranges_of(shape, ())]
        account, found = Account(url_of(mariadb_server, database)), dict[str, int]()

        def encode(*rows: Any, **more: Any) -> Any:
            found[threading.current_thread().name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return chosen({}).encode(*rows, **more)

        with ExitStack() as stack:
            one, apart = stack.enter_context(account.connect()), stack.enter_context(account.connect())
            reader = ParallelReader([one], encode, database, ranges, apart=(apart, {"b"}), patient=patient)
            with reader:
                assert len(list(reader.chunks())) == 2
        usual = os.getpriority(os.PRIO_PROCESS, 0)
        assert sorted(found.values()) == sorted([NICE if patient else usual, usual])


@pytest.fixture
def large(server: Server, database: str) -> str:
    """The name of a database with a large table and some small ones."""
    run(
        server,
        database,
        "CREATE TABLE large (id INT AUTO_INCREMENT PRIMARY KEY, text MEDIUMTEXT)",
        f"INSERT INTO large (text) VALUES {', '.join(['(REPEAT(UUID(), 7282))'] * 4)}",
        *["INSERT INTO large (text) SELECT REVERSE(text) FROM large ORDER BY id LIMIT 16"] * (LARGE // 4 + 1),
        "CREATE TABLE small (id INT PRIMARY KEY, text VARCHAR(20))",
        "INSERT INTO small VALUES (1, 'one'), (2, 'two'), (3, NULL)",
        "CREATE TABLE none (id INT PRIMARY KEY)",
    )
    return database


def test_every_row_is_in_one_chunk_and_those_of_a_range_are_in_order(server: Server, large: str) -> None:
    first, second, third = shapes(server, large, "large", "small", "none")
    bounds = tuple(range(16, 160, 16))
    ranges = [*ranges_of(first, bounds), *ranges_of(second, ()), *ranges_of(third, ())]
    with reader_of(server, large, ranges) as (reader, _):
        text: dict[tuple[str, str], bytes] = {}
        for part, data in reader.chunks():
            text[key_of(part)] = text.get(key_of(part), b"") + data
    assert [(fact.kind, fact.name) for fact in reader.facts] == [key_of(part) for part in ranges]
    for fact in reader.facts:
        data = text.get((fact.kind, fact.name), b"")
        assert (fact.rows, fact.checksum) == (data.count(b"\n"), hashlib.sha256(data).hexdigest())
    assert text[TABLE, "small"] == b"1\tone\n2\ttwo\n3\t\\N\n"
    numbers = [int(line.partition(b"\t")[0]) for part in ranges for line in text.get(key_of(part), b"").splitlines()]
    (rows,) = run(server, large, "SELECT COUNT(*) FROM large")[0]
    (last,) = run(server, large, "SELECT MAX(id) FROM large")[0]
    assert last > bounds[-1]
    assert len(numbers) == rows + 3
    assert numbers[:-3] == sorted(set(numbers[:-3]))


def test_a_long_range_keeps_nobody_from_reading_the_others(server: Server, large: str) -> None:
    first, second = shapes(server, large, "large", "small")
    with reader_of(server, large, [*ranges_of(first, ()), *ranges_of(second, ())], 2) as (reader, _):
        order = [part.shape.name for part, _ in reader.chunks()]
    assert order.index("small") < len(order) - 1


def test_whoever_takes_chunks_slowly_fills_no_memory(server: Server, large: str) -> None:
    (first,) = shapes(server, large, "large")
    taken = 0
    tracemalloc.start()
    try:
        with reader_of(server, large, ranges_of(first, tuple(range(16, 160, 16))), 4) as (reader, sessions):
            for number, (_, data) in enumerate(reader.chunks()):
                taken += len(data)
                if number < 4:
                    time.sleep(0.5)
            _, peak = tracemalloc.get_traced_memory()
            (patience,) = sessions[0].query("SELECT @@SESSION.net_write_timeout")[0]
    finally:
        tracemalloc.stop()
    assert taken >= LARGE * MIB
    # For each connection a buffer of 8 MiB, one for the wire, and a chunk in hand; and what waits to be taken.
    assert peak < 70 * MIB
    assert patience >= 24 * 3600


def test_whoever_stops_early_leaves_nothing_running(server: Server, large: str) -> None:
    first, second = shapes(server, large, "large", "small")
    with reader_of(server, large, [*ranges_of(first, (32, 64)), *ranges_of(second, ())]) as (reader, _):
        next(reader.chunks())
    with reader_of(server, large, ranges_of(first, ())):
        pass  # and so does who does not begin


def test_the_failure_of_whoever_takes_chunks_ends_it(server: Server, large: str) -> None:
    (first,) = shapes(server, large, "large")
    chunks = None
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        reader_of(server, large, ranges_of(first, (32, 64))) as (reader, _),
    ):
        chunks = reader.chunks()  # still referred to when the context ends, as by a traceback
        for _ in chunks:
            _ = 1 // 0
    assert chunks is not None


def test_one_reader_that_fails_ends_all(server: Server, large: str) -> None:
    (first,) = shapes(server, large, "large")
    gone = replace(first, name="gone")
    with (
        pytest.raises(DatabaseError, match="gone"),
        reader_of(server, large, [*ranges_of(first, (32, 64)), *ranges_of(gone, ())]) as (reader, _),
    ):
        list(reader.chunks())
    assert len(reader.facts) < 4


def test_a_connection_that_is_cut_is_an_error_or_was_done(server: Server, large: str) -> None:
    (first,) = shapes(server, large, "large")
    keys = [key for (key,) in run(server, large, "SELECT id FROM large ORDER BY id")]
    ranges = ranges_of(first, (keys[len(keys) // 3], keys[len(keys) * 2 // 3]))
    with reader_of(server, large, ranges) as (reader, _):
        list(reader.chunks())
        expected = reader.facts
    said = []
    for victim in range(8):
        with reader_of(server, large, ranges) as (reader, sessions):
            number, chunks = sessions[victim % 3].id, reader.chunks()
            try:
                for _ in range(1 + victim * 2):
                    next(chunks)
                run(server, None, f"KILL {number}")
                list(chunks)
            except DatabaseError as error:
                assert len(reader.facts) < 3
                said.append(f"{error} {error.hint}")
            else:
                assert reader.facts == expected
    assert said
    assert all("went away" in text and "run it again" in text for text in said)
    assert server.root_password not in str(said)


def test_of_rows_without_an_order_the_checksum_has_none_but_counts_each(server: Server, database: str) -> None:
    columns = "(a VARCHAR(20), b BLOB)"
    one, other = "('x', 'a\\nb'), ('x', 'a\\nb'), (NULL, NULL), ('', '')", "('', ''), (NULL, NULL), "
    found = {}
    run(server, database, *(f"CREATE TABLE {name} {columns}" for name in ("t1", "t2", "t3")))
    run(server, database, f"INSERT INTO t1 VALUES {one}")
    run(server, database, f"INSERT INTO t2 VALUES {other}('x', 'a\\nb'), ('x', 'a\\nb')")
    run(server, database, f"INSERT INTO t3 VALUES {other}('x', 'a\\nb'), ('', '')")
    with reader_of(
        server, database, [Range(each, None, None) for each in shapes(server, database, "t1", "t2", "t3")]
    ) as (
        reader,
        _,
    ):
        list(reader.chunks())
        found = {fact.name: (fact.rows, fact.checksum) for fact in reader.facts}
    assert found["t1"] == found["t2"]
    assert found["t3"][0] == 4
    assert found["t3"] != found["t1"]


def test_the_checksum_of_a_row_in_pieces_is_that_of_the_row() -> None:
    for ordered in (True, False):
        whole, pieces = Checksum(ordered=ordered), Checksum(ordered=ordered)
        whole.add(Lines(b"1\tabcdef\n", 1))
        whole.add(Lines(b"2\t\r\\\n\n", 2))
        for data, rows in ((b"1\tab", 0), (b"cdef", 0), (b"\n", 1), (b"2\t\r\\\n", 1), (b"\n", 1)):
            pieces.add(Lines(data, rows))
        assert whole.hexdigest() == pieces.hexdigest()


@pytest.mark.parametrize(
    ("kind", "keys", "size"),
    [
        ("BIGINT UNSIGNED", (0, 1, 2**63, 2**64 - 2, 2**64 - 1), 3 * SIZE),
        ("BIGINT UNSIGNED", (0, 1, 2**63, 2**64 - 2, 2**64 - 1), 10_000 * SIZE),
        ("BIGINT", (-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1), 30 * SIZE),
        ("BIGINT", (-(2**63), 2**63 - 1), SIZE + 1),
        ("BIGINT UNSIGNED", (2**64 - 1,), 10_000 * SIZE),
        ("TINYINT", tuple(range(-128, 128)), 10_000 * SIZE),
        ("TINYINT", tuple(range(-128, 128)), 2 * SIZE),
        ("INT", (-5, -4, 7), 10_000 * SIZE),
        ("INT", (7,), 2 * SIZE),
        ("INT", (), 10_000 * SIZE),
        ("INT", (*range(100), 2**31 - 1), 30 * SIZE),
    ],
)
def test_ranges_hold_every_key_once(server: Server, database: str, kind: str, keys: tuple[int, ...], size: int) -> None:
    run(server, database, f"CREATE TABLE t (id {kind} PRIMARY KEY)")
    if keys:
        run(server, database, f"INSERT INTO t VALUES {', '.join(f'({key})' for key in keys)}")
    (shape,) = shapes(server, database, "t")
    with Account(url_of(server, database)).connect() as session:
        bounds = bounds_of(session, database, shape, size)
    assert len(bounds) <= MOST + 1
    assert list(bounds) == sorted(set(bounds))
    ranges = ranges_of(shape, bounds)
    with reader_of(server, database, ranges) as (reader, _):
        text = {key_of(part): data for part, data in reader.chunks()}
    assert [int(key) for part in ranges for key in text.get(key_of(part), b"").split()] == list(keys)


def test_rows_outside_of_the_bounds_of_a_snapshot_are_in_its_ranges(server: Server, database: str) -> None:
    run(
        server, database, "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (-2147483648), (5), (2147483647)"
    )
    (shape,) = shapes(server, database, "t")
    with reader_of(server, database, ranges_of(shape, (0, 4, 8))) as (reader, _):
        list(reader.chunks())
    assert [(fact.name, fact.rows) for fact in reader.facts] == [("t ", 1), ("t 0", 0), ("t 4", 1), ("t 8", 1)]
