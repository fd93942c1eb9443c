"""A dump that is not whole is never taken for one, and a load that fails leaves the live database as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.errors import DatabaseError, RefusedError
from tests.builtin.engines.client.support import docker, engine_on, fake_tools, restored, taken
from tests.mysql.support import beside, fill, picture, run
from tests.support.servers import Server

MEGABYTES = 40
"""Megabytes that are more than the tool can be ahead of its reader, with ten or more in the kernel's buffers alone."""


@pytest.fixture
def database(server: Server, database: str) -> str:
    """The name of a database with two small tables."""
    run(
        server,
        database,
        "CREATE TABLE a_small (id INT PRIMARY KEY)",
        "INSERT INTO a_small VALUES (1), (2)",
        "CREATE TABLE z_small (id INT PRIMARY KEY)",
    )
    return database


@pytest.fixture
def large(server: Server, database: str) -> str:
    """The name of a database of which the tool has not given all when its first table is read."""
    rows = [f"INSERT INTO large VALUES ({number}, REPEAT('x', 1000000))" for number in range(MEGABYTES)]
    run(server, database, "CREATE TABLE large (id INT PRIMARY KEY, text MEDIUMTEXT)", *rows)
    return database


def dumps(server: Server) -> list[int]:
    """Give the connections of dump tools."""
    listed = run(server, None, "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT /*!40001%'")
    return [number for (number,) in listed]


def awaited(what: Callable[[], bool]) -> bool:
    """Wait up to half a minute until something is so."""
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('"$REAL" "$@" | head -c 3000000', "lacks the closing line"),
        ('"$REAL" "$@" | head -c -2', "lacks the closing line"),
        ('"$REAL" "$@"; exit 3', "ended with exit code 3"),
        ('"$REAL" "$@"; echo more', "lacks the closing line"),
        ('"$REAL" "$@"; echo "mysqldump: Error 2013: Lost connection" >&2', "complained: .*Lost connection"),
    ],
)
def test_a_dump_that_is_not_whole_is_none(server: Server, large: str, tmp_path: Path, script: str, reason: str) -> None:
    telling = f'case "$1" in --version) exec "$REAL" "$1";; esac\n{script}'
    with fake_tools(server, telling) as executor, engine_on(server, large, tmp_path, executor).snapshot() as snapshot:
        with pytest.raises(DatabaseError, match=reason) as caught:
            list(snapshot.chunks())
        assert server.root_password not in f"{caught.value} {caught.value.hint}"
        assert "not taken for a backup" in caught.value.hint


def test_a_tool_that_is_killed_is_an_error(server: Server, large: str, tmp_path: Path) -> None:
    with (
        fake_tools(server, 'echo $$ > "$0.pid"; exec "$REAL" "$@"') as executor,
        engine_on(server, large, tmp_path, executor).snapshot() as snapshot,
    ):
        # Detached: Docker tells of no other end in the container before the tool's output was read.
        docker("exec", "--detach", server.container, "sh", "-c", "kill -9 $(cat /tmp/fake-*/*.pid)")
        with pytest.raises(DatabaseError, match="ended with exit code 137"):
            list(snapshot.chunks())


def test_a_connection_that_is_cut_is_an_error(server: Server, large: str, tmp_path: Path) -> None:
    with engine_on(server, large, tmp_path).snapshot() as snapshot:
        deadline = time.monotonic() + 20
        while not (found := dumps(server)) and time.monotonic() < deadline:
            time.sleep(0.05)
        (number,) = found
        run(server, None, f"KILL {number}")
        with pytest.raises(DatabaseError, match=r"ended with exit code .*(2013|2026|1927)"):
            list(snapshot.chunks())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE z_small ADD COLUMN more INT", "z_small"),
        ("TRUNCATE TABLE z_small", "z_small"),
        ("CREATE TABLE one_more (id INT)", "one_more"),
        ("CREATE TRIGGER noted BEFORE INSERT ON z_small FOR EACH ROW SET @a = 1", "trigger 'noted'"),
    ],
)
def test_a_schema_that_changes_meanwhile_is_no_backup(
    server: Server, large: str, tmp_path: Path, change: str, named: str
) -> None:
    run(server, large, "INSERT INTO z_small VALUES (1)")
    with engine_on(server, large, tmp_path).snapshot() as snapshot:
        run(server, large, change)
        if change.startswith("TRUNCATE"):  # no change of the schema, but not of the transaction either
            with pytest.raises(DatabaseError, match=r"1412|changed"):
                list(snapshot.chunks())
            return
        with pytest.raises(DatabaseError, match=named) as caught:
            list(snapshot.chunks())
    assert "again" in caught.value.hint


def test_a_snapshot_that_nobody_reads_ends_the_tool(server: Server, large: str, tmp_path: Path) -> None:
    with engine_on(server, large, tmp_path).snapshot():
        assert awaited(lambda: len(dumps(server)) == 1)
    assert awaited(lambda: dumps(server) == [])


def test_a_snapshot_that_is_read_in_part_ends_the_tool(server: Server, large: str, tmp_path: Path) -> None:
    with engine_on(server, large, tmp_path).snapshot() as snapshot:
        next(iter(snapshot.chunks()))
    assert awaited(lambda: dumps(server) == [])


def test_a_tool_that_says_nothing_is_ended_too(server: Server, large: str, tmp_path: Path) -> None:
    script = 'case "$1" in --version) exec "$REAL" "$1";; esac\n"$REAL" "$@" | head -c 2000; exec sleep 987'
    with fake_tools(server, script) as executor, engine_on(server, large, tmp_path, executor).snapshot():
        pass
    assert "sleep 987" not in docker("exec", server.container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_the_password_is_in_no_argument_and_no_variable(server: Server, database: str, tmp_path: Path) -> None:
    script = 'cat /proc/self/cmdline /proc/self/environ /proc/$$/cmdline /proc/$$/environ >> $0.seen; exec "$REAL" "$@"'
    for name in ("dump", "client"):
        with fake_tools(server, script, name) as executor:
            engine = engine_on(server, database, tmp_path, executor)
            restored(engine, taken(engine))
            seen = docker("exec", server.container, "sh", "-c", "cat /tmp/fake-*/*.seen")
        assert "defaults-file=/dev/fd/3" in seen
        # The server itself was started with it in a variable: what counts is that nothing of ours has it.
        assert seen.count(server.root_password) == seen.count(f"_ROOT_PASSWORD={server.root_password}")


def test_what_the_server_refuses_to_load_is_told_and_nothing_changes(
    server: Server, database: str, tmp_path: Path
) -> None:
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    key = ("table", "z_small")
    broken = replace(snapshot, contents={**snapshot.contents, key: (b"CREATE TABLE oh no;\n",)})
    before = picture(server, database)
    with pytest.raises(DatabaseError, match=r"could not load the snapshot: ERROR 1064 .* at line") as caught:
        restored(engine, broken)
    assert "live database was not touched" in caught.value.hint
    assert picture(server, database) == before
    assert beside(server, database) == []


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"vendor": "oracle"}, "is of a server of oracle"),
        ({"version": "99.1.0"}, "is on an older one"),
        ({"longest_statement": 10**10}, r"has a row of 10,000,000,000 bytes"),
    ],
)
def test_a_snapshot_that_does_not_fit_the_server_is_refused(
    server: Server, database: str, tmp_path: Path, details: dict[str, object], reason: str
) -> None:
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    with pytest.raises(RefusedError, match=reason) as caught:
        restored(engine, replace(snapshot, details={**snapshot.details, **details}))
    assert "Nothing was changed" in caught.value.hint


def test_a_database_that_does_not_exist_cannot_be_backed_up(server: Server, tmp_path: Path) -> None:
    with (
        pytest.raises(DatabaseError, match="there is no database") as caught,
        engine_on(server, "not there", tmp_path).snapshot(),
    ):
        pass
    assert "db.restore" in caught.value.hint


def test_a_view_that_does_not_work_is_left_out_and_named(server: Server, database: str, tmp_path: Path) -> None:
    run(server, database, "CREATE TABLE base (id INT)", "CREATE VIEW broken AS SELECT id FROM base", "DROP TABLE base")
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    assert any("broken" in warning for warning in snapshot.details["warnings"])
    restored(engine, snapshot)
    assert picture(server, database)["views"] == {}


def test_a_name_that_no_dump_can_hold_is_refused(server: Server, database: str, tmp_path: Path) -> None:
    run(server, database, "CREATE TABLE t (`line\nbreak` INT)")
    with (
        pytest.raises(DatabaseError, match="control character"),
        engine_on(server, database, tmp_path).snapshot(),
    ):
        pass


def test_events_are_restored_and_none_runs_beside_the_live_database(
    server: Server, database: str, tmp_path: Path
) -> None:
    fill(server, database, "one")
    run(
        server,
        database,
        "CREATE EVENT soon ON SCHEDULE EVERY 1 SECOND DO INSERT INTO log (what) VALUES (DATABASE())",
        "CREATE EVENT once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 2 SECOND DO DELETE FROM log",
    )
    engine = engine_on(server, database, tmp_path)
    snapshot = taken(engine)
    run(server, database, "DROP EVENT soon")
    time.sleep(2.5)  # so that the time of the other one is over
    with engine.shadow("test") as shadow:
        shadow.load(snapshot)
        statuses = run(
            server,
            None,
            "SELECT DISTINCT STATUS FROM information_schema.EVENTS "
            f"WHERE EVENT_SCHEMA LIKE '%\\_\\_scratch\\_%' AND EVENT_SCHEMA LIKE '{database[-8:]}%' "
            f"OR EVENT_SCHEMA LIKE '%{database[-8:]}\\_\\_scratch%'",
        )
    assert statuses == [("DISABLED",)]
    restored(engine, snapshot)
    assert "soon" in {row[0] for row in picture(server, database)["events"]}
