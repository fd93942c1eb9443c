"""The moment of a swap: nothing that was acknowledged is lost, and what cannot be swapped is refused in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pymysql
import pytest

from deckinfra.core.secret import Secret
from deckinfra.errors import DatabaseError, LockedError, RefusedError
from deckinfra.mysql import LiveDatabase, ObjectSet
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from deckinfra.ports import RunningQuery
from tests.mysql.support import beside, connect, fill, live_of, objects_of, picture, restore, run, url_of
from tests.support.servers import Server


class Writer(threading.Thread):
    """Adds rows as fast as it can, each in a transaction of its own over two tables with triggers."""

    def __init__(self, server: Server, database: str, first: int) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.ended = threading.Event()
        self._server, self._database, self._next = server, database, first

    def run(self) -> None:
        with closing(connect(self._server, self._database)) as connection, connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 5")
            while not self.ended.is_set():
                self._next += 1
                try:
                    connection.begin()
                    cursor.execute(f"INSERT INTO parent (id, name) VALUES ({self._next}, 'w')")
                    cursor.execute(f"INSERT INTO `child item` (parent) VALUES ({self._next})")
                    connection.commit()
                except pymysql.err.MySQLError:  # not acknowledged: it may be there or not
                    connection.rollback()
                    continue
                self.acknowledged.append(self._next)


@contextmanager
def writers(server: Server, database: str, many: int) -> Iterator[list[Writer]]:
    threads = [Writer(server, database, (n + 1) * 1_000_000) for n in range(many)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.ended.set()
        for thread in threads:
            thread.join(30)


def test_no_acknowledged_write_is_lost_or_escapes_its_triggers(server: Server, database: str) -> None:
    objects = {marker: objects_of(server, database, marker) for marker in ("old", "new")}
    live = live_of(server, database, patience=60)
    restore(server, live, "old", objects["old"])
    with writers(server, database, 3) as threads:
        for marker in ("new", "old", "new"):
            restore(server, live, marker, objects[marker])
        with live.lock("db.undo-restore", timeout=10):
            live.undo()
    acknowledged = {number for thread in threads for number in thread.acknowledged}
    assert len(acknowledged) > 20
    found: dict[int, str] = {}
    for schema in [name for (name,) in run(server, None, "SHOW DATABASES") if name.startswith(database)]:
        if schema.endswith("__deckinfra"):
            continue
        rows = run(server, schema, "SELECT id, name FROM parent WHERE id > 1000000")
        assert not found.keys() & {row[0] for row in rows}
        found.update(rows)
        assert {name for _, name in rows} <= {"w +1 +2 old", "w +1 +2 new"}
        ((noted,),) = run(server, schema, "SELECT COUNT(*) FROM log")
        ((children,),) = run(server, schema, "SELECT COUNT(*) FROM `child item` WHERE parent > 1000000")
        assert noted == children
    assert acknowledged <= found.keys()


def test_a_transaction_in_the_way_is_named_and_nothing_is_changed(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    live = live_of(server, database, patience=1)
    with closing(connect(server, database)) as blocker, blocker.cursor() as cursor:
        blocker.begin()
        cursor.execute("SELECT CONNECTION_ID() FROM parent")
        ((number, *_), *_) = cursor.fetchall()
        with pytest.raises(LockedError, match=rf"connection {number} of root from ") as caught:
            restore(server, live, "new", ObjectSet())
    assert "as it was" in caught.value.hint
    assert picture(server, database) == before
    assert beside(server, database) == []
    with live.lock("db.restore", timeout=5):
        assert live.recover() == []


def test_a_swap_waits_for_a_transaction_that_ends_in_time(server: Server, database: str) -> None:
    fill(server, database, "old")
    blocker = connect(server, database)
    blocker.begin()
    blocker.cursor().execute("SELECT * FROM parent")
    ending = threading.Timer(2.5, blocker.close)
    ending.start()
    assert restore(server, live_of(server, database, patience=30), "new", ObjectSet()) is not None
    ending.join()


def test_a_foreign_key_across_schemas_is_refused(server: Server, database: str) -> None:
    fill(server, database, "old")
    other = f"{database} other"
    run(server, None, f"CREATE DATABASE {quoted(other)}")
    run(server, other, f"CREATE TABLE c (p INT, FOREIGN KEY fk_far (p) REFERENCES {quoted(database)}.parent (id))")
    before = picture(server, database)
    with pytest.raises(RefusedError, match="across two schemas"):
        restore(server, live_of(server, database), "new", ObjectSet())
    assert picture(server, database) == before
    run(server, None, f"DROP DATABASE {quoted(other)}")


def test_an_object_that_cannot_be_made_stops_the_swap_before_anything_changes(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    broken = f"{database} broken"
    run(server, None, f"CREATE DATABASE {quoted(broken)}")
    run(server, broken, "CREATE TABLE gone (i INT)", "CREATE VIEW lost AS SELECT * FROM gone", "DROP TABLE gone")
    live = live_of(server, database)
    with live.server.connect() as session:
        objects = ObjectSet.of(session, broken)
    with pytest.raises(DatabaseError, match="view 'lost' cannot be made"):
        restore(server, live, "new", objects)
    assert picture(server, database) == before
    assert live.kept() == []


def test_a_definer_who_does_not_exist_is_refused_unless_it_was_so_before(server: Server, database: str) -> None:
    source = f"{database} source"
    run(server, None, f"CREATE DATABASE {quoted(source)}")
    run(server, source, "CREATE DEFINER = `left us`@`%` PROCEDURE p() SELECT 1")
    live = live_of(server, database)
    with live.server.connect() as session:
        objects = ObjectSet.of(session, source)
    with pytest.raises(RefusedError, match="belong to left us@%") as caught:
        restore(server, live, "new", objects)
    assert "CREATE USER `left us`@`%` ACCOUNT LOCK" in caught.value.hint
    run(server, None, f"CREATE DATABASE {quoted(database)}")
    run(server, database, "CREATE DEFINER = `left us`@`%` PROCEDURE p() SELECT 1")
    assert restore(server, live, "new", objects) is not None
    assert picture(server, database)["routines"][0][4] == "left us@%"


def test_a_view_and_a_table_may_change_roles(server: Server, database: str) -> None:
    run(server, None, f"CREATE DATABASE {quoted(database)}")
    run(server, database, "CREATE TABLE one (i INT)", "CREATE VIEW plain AS SELECT i FROM one")
    before = picture(server, database)
    live = live_of(server, database)
    assert restore(server, live, "new", ObjectSet()) is not None
    with live.lock("db.undo-restore", timeout=5):
        live.undo()
    assert picture(server, database) == before


def test_grants_on_tables_and_on_unchanged_routines_stay(server: Server, database: str) -> None:
    objects = objects_of(server, database, "old")
    live = live_of(server, database)
    restore(server, live, "old", objects)
    schema = quoted(database)
    run(
        server,
        None,
        f"GRANT SELECT ON {schema}.parent TO deck@'%'",
        f"GRANT EXECUTE ON FUNCTION {schema}.shout TO deck@'%'",
    )
    before = run(server, None, "SHOW GRANTS FOR deck@'%'")
    restore(server, live, "old", objects)
    assert run(server, None, "SHOW GRANTS FOR deck@'%'") == before
    run(server, None, f"REVOKE SELECT ON {schema}.parent FROM deck@'%'")
    run(server, None, f"REVOKE EXECUTE ON FUNCTION {schema}.shout FROM deck@'%'")


def test_activity_tells_what_the_server_is_at(server: Server, database: str) -> None:
    live = live_of(server, database)
    sleeping = threading.Thread(target=run, args=(server, None, "SELECT SLEEP(4) AS secretly"))
    sleeping.start()
    running: tuple[RunningQuery, ...] = ()
    while sleeping.is_alive() and not running:
        found = live.activity()
        running = tuple(each for each in found.running if "SLEEP(4)" in each.statement)
    sleeping.join()
    assert running[0].user == "root"
    assert running[0].seconds >= 2
    assert 0 < found.connections <= found.connection_limit
    assert found.slow_queries >= 0


def _once_before(beginning: str, action: Callable[[], object]) -> Callable[[str], None]:
    """Give a trace that lets ``action`` happen before the first statement that begins so."""
    waiting = [action]

    def trace(statement: str) -> None:
        if waiting and statement.startswith(beginning):
            waiting.pop()()

    return trace


def test_a_table_that_is_made_in_the_last_moment_belongs_to_the_old_state(server: Server, database: str) -> None:
    fill(server, database, "old", objects=False)
    trace = _once_before(
        "RENAME", lambda: run(server, database, "CREATE TABLE late (i INT)", "INSERT INTO late VALUES (1)")
    )
    live = live_of(server, database, trace=trace)
    restore(server, live, "new", ObjectSet())
    assert "late" not in live.state().tables
    with live.lock("db.undo-restore", timeout=5):
        live.undo()
    assert run(server, database, "SELECT * FROM late") == [(1,)]


@pytest.mark.parametrize("triggered", [False, True])
def test_a_trigger_that_is_made_in_the_last_moment_is_kept(server: Server, database: str, triggered: bool) -> None:
    fill(server, database, "old", objects=triggered)
    beginning = "RENAME" if not triggered else "LOCK TABLES" if server.dialect == "mysql" else "BEGIN NOT ATOMIC"
    late = "CREATE TRIGGER late BEFORE DELETE ON plain FOR EACH ROW SET @x = 1"
    live = live_of(server, database, trace=_once_before(beginning, lambda: run(server, database, late)))
    restore(server, live, "new", ObjectSet())
    assert picture(server, database)["triggers"] == []
    with live.lock("db.undo-restore", timeout=5):
        live.undo()
    assert "late" in {row[0] for row in picture(server, database)["triggers"]}


def test_an_account_that_may_not_make_things_for_others_changes_nothing(server: Server, database: str) -> None:
    fill(server, database, "old")
    before = picture(server, database)
    new = objects_of(server, database, "new")
    run(server, None, "CREATE USER limited@'%' IDENTIFIED BY 'limited'")
    run(
        server,
        None,
        "GRANT SELECT, CREATE, DROP, ALTER, INSERT, UPDATE, DELETE, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, "
        "CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT, TRIGGER, LOCK TABLES ON *.* TO limited@'%'",
    )
    url = replace(url_of(server, database), username="limited", password=Secret("limited"))
    live = LiveDatabase(Account(url), database)
    try:
        with live.lock("db.restore", timeout=5), live.scratch("db.restore") as scratch:
            fill(server, scratch.name, "new", objects=False)
            with pytest.raises(DatabaseError, match="may not") as caught:
                live.swap(scratch, "never", new)
    finally:
        run(server, None, "DROP USER limited@'%'")
    assert "DATABASE_ADMIN_USER" in caught.value.hint
    assert picture(server, database) == before
