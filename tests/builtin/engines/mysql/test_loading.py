"""Rows that are loaded by several connections at once, none of which may wait for another until the server gives up."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deckinfra.core.manifest import Part
from deckinfra.mysql.names import quoted
from deckinfra.services.restore import compare
from deckinfra.testing.snapshots import MemorySnapshot
from tests.builtin.engines.mysql.copies import engine_on, taken
from tests.mysql.support import name_of_a_database, run
from tests.support.servers import Server

_ROWS = 20_000


class _Slow(MemorySnapshot):
    """A snapshot from a store that pauses in the middle of each range."""

    def read(self, part: Part) -> Iterator[bytes]:
        """Give a part's chunks, with a pause after the first where there are many."""
        for number, data in enumerate(super().read(part)):
            if number == 1:
                time.sleep(1.5)
            yield data


@pytest.mark.parametrize("counting", ["AUTO_INCREMENT", ""])
def test_ranges_of_one_table_do_not_wait_for_each_other_s_locks(mariadb_server: Server, counting: str) -> None:
    with name_of_a_database(mariadb_server) as database:
        run(
            mariadb_server,
            None,
            f"CREATE DATABASE {quoted(database)}",
            "SET GLOBAL innodb_lock_wait_timeout = 1, local_infile = 1",
        )
        try:
            run(
                mariadb_server,
                database,
                f"CREATE TABLE cards (id INT PRIMARY KEY {counting}, picture VARBINARY(1000))",
                f"INSERT INTO cards SELECT seq, REPEAT(CHAR(64 + seq % 26), 1000) FROM seq_1_to_{_ROWS}",
                "ANALYZE TABLE cards",
            )
            snapshot = taken(mariadb_server, database)
            assert len([part for part in snapshot.parts if part.facts.kind == "range"]) == 2
            engine = engine_on(mariadb_server, database)
            with engine.lock("test", timeout=10), engine.shadow("test") as shadow:
                shadow.load(_Slow(**vars(snapshot)))
                assert compare(snapshot.facts, shadow.facts()) == []
        finally:
            run(mariadb_server, None, "SET GLOBAL innodb_lock_wait_timeout = DEFAULT")
