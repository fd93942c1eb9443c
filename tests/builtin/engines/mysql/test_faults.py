"""What goes wrong at a backup and a restore: it is told, nothing live is touched, and no bad backup is called good."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.builtin.stores.directory import DirectoryStore
from deckinfra.errors import DamagedError, DatabaseError, DeckinfraError, LockedError, RefusedError, StoreError
from deckinfra.mysql import Server as Account
from deckinfra.repository import Repository
from deckinfra.services.restore import compare
from deckinfra.testing import FaultyStore, MemorySnapshot, MemoryStore, RecordingReporter, flipped
from tests.builtin.engines.mysql.faulty import ROWS, account, backed_up, engine_of, large, restored
from tests.mysql.support import beside, picture, run, url_of
from tests.support.servers import PASSWORD, Server


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


@pytest.fixture
def repository(store: FaultyStore) -> Repository:
    return Repository.open(store, create=True, level=1, threads=2, reporter=RecordingReporter())


@pytest.fixture
def filled(server: Server, database: str) -> str:
    """The name of a database that is read in several ranges."""
    large(server, database)
    return database


@contextmanager
def nothing_left(server: Server) -> Iterator[None]:
    """See that no thread and no connection is left."""
    threads = set(threading.enumerate())
    before = {number for (number,) in run(server, None, "SELECT ID FROM information_schema.PROCESSLIST")}
    yield
    assert set(threading.enumerate()) <= threads
    deadline = time.monotonic() + 20
    while after := run(server, None, "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"):
        if {number for (number,) in after} <= before:
            return
        assert time.monotonic() < deadline, after
        time.sleep(0.05)


def test_a_store_that_fails_at_a_backup_leaves_none_and_ends_it_at_once(
    server: Server, filled: str, store: FaultyStore, repository: Repository
) -> None:
    engine = engine_of(server, filled)
    backed_up(engine, repository)
    run(server, filled, "UPDATE wide SET text = REVERSE(text)")
    store.fail("put", prefix="objects/", times=None)
    began = time.monotonic()
    with nothing_left(server), pytest.raises(StoreError, match="was lost"):
        backed_up(engine, repository)
    assert time.monotonic() - began < 30
    assert len(list(repository.snapshots.ids())) == 1
    run(server, filled, "SET SESSION lock_wait_timeout = 1", "ALTER TABLE wide ADD COLUMN more INT")


def test_a_store_that_fails_at_a_restore_leaves_all_as_it_was(
    server: Server, filled: str, store: FaultyStore, repository: Repository
) -> None:
    engine = engine_of(server, filled)
    backed_up(engine, repository)
    before = picture(server, filled)
    store.fail("get", prefix="objects/", times=None)
    with nothing_left(server), pytest.raises(DeckinfraError, match="was lost"):
        restored(engine, repository)
    assert picture(server, filled) == before
    assert beside(server, filled) == []


def test_an_object_that_is_damaged_is_told_at_a_restore(
    server: Server, filled: str, store: FaultyStore, repository: Repository
) -> None:
    engine = engine_of(server, filled)
    backed_up(engine, repository)
    before = picture(server, filled)
    store.spoil("objects/", flipped)
    with pytest.raises(DamagedError):
        restored(engine, repository)
    assert picture(server, filled) == before
    assert beside(server, filled) == []


def test_chunks_that_are_others_are_found_by_the_checksums(server: Server, filled: str) -> None:
    engine = engine_of(server, filled)
    run(server, filled, "CREATE TABLE twin LIKE plain", "INSERT INTO twin VALUES (1, 'one'), (2, 'two'), (3, 'thr')")
    with engine.snapshot() as snapshot:
        taken = MemorySnapshot.of(snapshot)
    assert sum(part.facts.kind == "range" for part in taken.parts) > 1
    contents = taken.contents
    ranges = sorted(key for key in contents if key[0] == "range")
    first, *others = contents[ranges[0]]
    number, _, rest = first.partition(b"\t")
    wrong: dict[str, dict[tuple[str, str], tuple[bytes, ...]]] = {
        "another table's": {("rows", "plain"): contents["rows", "twin"]},
        "a chunk twice": {("rows", "plain"): contents["rows", "plain"] * 2},
        "no chunk": {("rows", "plain"): ()},
        "half a chunk": {ranges[0]: (first[: len(first) // 2],)},
        "another value": {ranges[0]: (number + b"\t" + rest.replace(b"-", b"+", 1), *others)},
    }
    for name, instead in wrong.items():
        with engine.shadow("test") as shadow:
            shadow.load(replace(taken, contents={**contents, **instead}))
            assert compare(taken.facts, shadow.facts()) != [], name
    # Rows that are there twice are refused, or left out by a LOAD DATA that takes files from elsewhere.
    with engine.shadow("test") as shadow, suppress(DatabaseError):
        shadow.load(replace(taken, contents={**contents, ranges[0]: contents[ranges[1]]}))
        assert compare(taken.facts, shadow.facts()) != []
    assert beside(server, filled) == []


def test_what_is_transferred_between_rows_and_tables_adds_up_in_every_backup(server: Server, filled: str) -> None:
    """Ranges that several connections read, and tables, under transactions that move amounts between them."""
    run(server, filled, "CREATE TABLE purse (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO purse VALUES (1, 0)")
    stop, done = threading.Event(), [0]

    def work(step: int) -> None:
        at = step
        with Account(url_of(server, filled)).connect(filled) as session:
            while not stop.is_set():
                at = (at + 97) % ROWS
                session.execute("BEGIN")
                with suppress(LockedError):
                    session.execute(f"UPDATE wide SET n = n + {step} WHERE id = {at}")
                    session.execute(f"UPDATE wide SET n = n - {2 * step} WHERE id = {ROWS - 1 - at}")
                    session.execute(f"UPDATE purse SET n = n + {step}")
                    session.execute("COMMIT")
                    done[0] += 1
                    continue
                session.execute("ROLLBACK")

    engine = engine_of(server, filled)
    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work, step) for step in (1, 5)]
        try:
            seen = set()
            for _ in range(10):
                with engine.snapshot() as snapshot:
                    taken = MemorySnapshot.of(snapshot)
                lines = [
                    line.split(b"\t")
                    for (kind, name), chunks in taken.contents.items()
                    if kind == "range" or name in {"purse"}
                    for line in b"".join(chunks).splitlines()
                ]
                assert len(lines) == ROWS + 1
                amounts = [int(line[1]) for line in lines]
                assert sum(amounts) == 0
                seen.add(tuple(sorted(amounts)))
        finally:
            stop.set()
    for each in working:
        each.result()
    assert done[0] > 20
    assert len(seen) > 3


def test_two_backups_and_a_restore_at_once(server: Server, filled: str, tmp_path: Path) -> None:
    repository = Repository.open(
        DirectoryStore(tmp_path / "backups"), create=True, level=1, threads=2, reporter=RecordingReporter()
    )
    backed_up(engine_of(server, filled), repository)
    before = picture(server, filled)

    def one_backup(_: int) -> str:
        try:
            return backed_up(engine_of(server, filled, connections=2), repository).id
        except DatabaseError as error:  # the restore went live meanwhile
            return f"{error} {error.hint}"

    with ThreadPoolExecutor(3) as pool:
        restoring = pool.submit(restored, engine_of(server, filled, connections=2), repository)
        said = list(pool.map(one_backup, range(2)))
        restoring.result()
    assert all("was changed while it was read" in text or text in repository.snapshots.ids() for text in said), said
    restored(engine_of(server, filled), repository)
    assert picture(server, filled) == before


BACKUP = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "LOCK TABLES")
EVERYWHERE = {
    "mysql": ("RELOAD", "BACKUP_ADMIN", "PROCESS", "SHOW_ROUTINE", "REPLICATION CLIENT"),
    "mariadb": ("RELOAD", "PROCESS", "BINLOG MONITOR", "SHOW CREATE ROUTINE"),
}


def test_a_right_that_is_missing_at_a_backup_is_named_or_not_needed(server: Server, filled: str) -> None:
    everywhere = EVERYWHERE[server.dialect]
    run(server, filled, "CREATE PROCEDURE p() SELECT 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM child")
    with engine_of(server, filled).snapshot() as snapshot:
        whole = MemorySnapshot.of(snapshot)
    refused = []
    for missing in (*BACKUP, *everywhere, None):
        own, wide = [each for each in BACKUP if each != missing], [each for each in everywhere if each != missing]
        with account(server, filled, f"{', '.join(own)} ON {{own}}", f"{', '.join(wide)} ON *.*") as url:
            try:
                with engine_of(server, filled, url).snapshot() as snapshot:
                    found = MemorySnapshot.of(snapshot)
            except DeckinfraError as error:
                refused.append((missing, f"{error} {error.hint}"))
                continue
        assert found.contents == whole.contents, missing
        assert compare(whole.facts, found.facts) == [], missing
    routines = "SHOW_ROUTINE" if server.dialect == "mysql" else "SHOW CREATE ROUTINE"
    assert [missing for missing, _ in refused] == ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT", routines]
    for missing, said in refused:
        assert f"lacks {missing}" in said
        assert "No backup was made" in said
        assert PASSWORD not in said


RESTORE = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "LOCK TABLES"),
    *("CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER"),
)
DEFINERS = {
    "mysql": ("SET_ANY_DEFINER", "SYSTEM_USER", "ALLOW_NONEXISTENT_DEFINER", "SHOW_ROUTINE"),
    "mariadb": ("SET USER", "SHOW CREATE ROUTINE"),
}
TRIED = {
    "INSERT": "INSERT command denied",
    "CREATE": "Access denied for user .* to database",
    "ALTER": "Access denied for user .* to database",
    "CREATE VIEW": "view 'v' cannot be made .*CREATE VIEW command denied",
    "TRIGGER": "trigger 'noted'",
    "SET_ANY_DEFINER": "belongs to root.* may not make things for others",
    "SET USER": "belongs to root.* may not make things for others",
    "nothing": "",
}
"""Some of the rights, each of which is taken away, and what is said then."""


def test_a_right_that_is_missing_at_a_restore_is_named_or_not_needed(server: Server, database: str) -> None:
    run(
        server,
        database,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, KEY a (a))",
        "INSERT INTO t VALUES (1, 2)",
        "CREATE TABLE child (id INT PRIMARY KEY, t INT, CONSTRAINT fk FOREIGN KEY (t) REFERENCES t (id))",
        "CREATE VIEW v AS SELECT id FROM t",
        "CREATE PROCEDURE p() SELECT 1",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO DELETE FROM child",
        "CREATE TRIGGER noted BEFORE INSERT ON child FOR EACH ROW SET NEW.t = 1",
    )
    root = engine_of(server, database)
    with root.snapshot() as snapshot:
        taken = MemorySnapshot.of(snapshot)
    before = picture(server, database)
    run(server, None, "SET GLOBAL log_bin_trust_function_creators = 1")
    for missing, expected in TRIED.items():
        if missing not in ("nothing", *RESTORE, *DEFINERS[server.dialect]):
            continue
        own = [each for each in RESTORE if each != missing]
        wide = [each for each in DEFINERS[server.dialect] if each != missing]
        said = ""
        with account(server, database, f"{', '.join(own)} ON {{own}}", f"{', '.join(wide)} ON *.*") as url:
            engine = engine_of(server, database, url, connections=2)
            try:
                with engine.lock("test", timeout=5), engine.shadow("test") as shadow:
                    shadow.load(taken)
                    assert compare(taken.facts, shadow.facts()) == []
                    engine.swap(shadow, "test")
            except DeckinfraError as error:
                said = f"{error} | {error.hint}"
        assert re.search(expected, said), (missing, said)
        assert bool(said) == bool(expected), (missing, said)
        assert PASSWORD not in said
        assert not said or "DATABASE_ADMIN_USER" in said
        with root.lock("test", timeout=5):
            root.recover()
            assert bool(root.kept()) == (missing == "nothing")
            for kept in root.kept():
                root.discard(kept)
        assert picture(server, database) == before
        assert beside(server, database) == []


@pytest.mark.parametrize("local_infile", [1, 0])
def test_a_row_that_is_larger_than_a_packet_is_loaded_in_pieces_or_refused(
    server: Server, database: str, local_infile: int
) -> None:
    run(
        server,
        database,
        "CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)",
        "INSERT INTO big VALUES (1, REPEAT('\\n', 3000000)), (2, 'small')",
        "CREATE TABLE many (id INT PRIMARY KEY, b BLOB)",
        "INSERT INTO many VALUES " + ", ".join(f"({number}, REPEAT('x', 40000))" for number in range(40)),
    )
    engine = engine_of(server, database)
    with engine.snapshot() as snapshot:
        taken = MemorySnapshot.of(snapshot)
    allowed, local = run(server, None, "SELECT @@GLOBAL.max_allowed_packet, @@GLOBAL.local_infile")[0]
    run(server, None, "SET GLOBAL max_allowed_packet = 1048576", f"SET GLOBAL local_infile = {local_infile}")
    try:
        with engine.shadow("test") as shadow:
            if local_infile:
                shadow.load(taken)
            else:
                with pytest.raises(RefusedError, match=r"takes up to 1,048,576 .max_allowed_packet") as caught:
                    shadow.load(taken)
                assert "SET GLOBAL max_allowed_packet = 6291456" in caught.value.hint
                assert "was not touched" in caught.value.hint
                run(server, None, "SET GLOBAL max_allowed_packet = 6291456")
        with engine.shadow("test") as shadow:
            shadow.load(taken)
            assert compare(taken.facts, shadow.facts()) == []
    finally:
        run(server, None, f"SET GLOBAL max_allowed_packet = {allowed}", f"SET GLOBAL local_infile = {local}")
