"""A database restored beside itself by the engine, and what the server says of the two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.mysql.names import quoted
from deckinfra.services.restore import compare
from deckinfra.testing.snapshots import MemorySnapshot
from tests.mysql.support import run, url_of
from tests.support.servers import Server


@dataclass(frozen=True)
class Copy:
    """A schema that was restored, the snapshot it is of, and in what the engine finds that they differ."""

    schema: str
    snapshot: MemorySnapshot
    differences: list[str]


def engine_on(server: Server, database: str) -> MysqlEngine:
    """Open the engine with root's account and two connections."""
    url = url_of(server, database)
    return MysqlEngine(url, url, chosen({}), connections=2)


def taken(server: Server, database: str) -> MemorySnapshot:
    """Take a snapshot into memory."""
    with engine_on(server, database).snapshot() as snapshot:
        return MemorySnapshot.of(snapshot)


@contextmanager
def copied(server: Server, database: str, *, by_file: bool = True) -> Iterator[Copy]:
    """Restore a snapshot beside its database while the context is open, by ``LOAD DATA LOCAL`` or by ``INSERT``."""
    run(server, None, f"SET GLOBAL local_infile = {int(by_file)}")
    snapshot, engine = taken(server, database), engine_on(server, database)
    with engine.lock("test", timeout=10), engine.shadow("test") as shadow:
        shadow.load(snapshot)
        yield Copy(shadow.scratch.name, snapshot, compare(snapshot.facts, shadow.facts()))


def checksums(server: Server, schema: str) -> dict[str, object]:
    """Give the server's own checksum of each table, but for those of an engine of which it may be 0 at any time."""
    found = run(
        server,
        schema,
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE') AND ENGINE <> 'ARCHIVE'",
    )
    return {table: run(server, schema, f"CHECKSUM TABLE {quoted(table)}")[0][1] for table, _ in found}
