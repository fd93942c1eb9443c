"""A point in time that several connections see: under a writer, with more rights and fewer, with others in the way."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from deckinfra.builtin.engines.mysql.point import BACKUP_STAGES, ONE_CONNECTION, READ_LOCK, TABLE_LOCKS, held
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, LockedError
from deckinfra.mysql import Server as Account
from deckinfra.mysql import Session
from tests.support.servers import PASSWORD, Server

TABLES = ("credits", "debits")
ROWS = 50


@pytest.fixture
def url(server: Server) -> Iterator[DatabaseURL]:
    """A database of two tables between which amounts are transferred; in all there are always none."""
    with server.database() as url, Account(url).connect(url.database) as session:
        for table in TABLES:
            session.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, amount BIGINT NOT NULL) ENGINE = InnoDB")
            session.execute(f"INSERT INTO {table} VALUES {', '.join(f'({number}, 0)' for number in range(ROWS))}")
        yield url


def rooted(server: Server, url: DatabaseURL, patience: float = 30.0) -> Account:
    return Account(replace(url, username="root", password=Secret(server.root_password)), patience=patience)


@contextmanager
def account(server: Server, url: DatabaseURL, *rights: str) -> Iterator[Account]:
    """Make an account with these rights, and no others."""
    name = f"some{secrets.token_hex(4)}"
    server.as_root(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", PASSWORD)
    try:
        for right in rights:
            place = "*.*" if right in {"RELOAD", "BACKUP_ADMIN"} else f"`{url.database}`.*"
            server.as_root(f"GRANT {right} ON {place} TO {name}@'%%'")
        yield Account(replace(url, username=name), patience=5.0)
    finally:
        server.as_root(f"DROP USER {name}@'%%'")


@contextmanager
def transferring(url: DatabaseURL) -> Iterator[None]:
    """Move amounts from one table to the other, as fast as it goes, in two connections."""
    stop, failed = threading.Event(), []

    def work(step: int) -> None:
        try:
            with Account(url).connect(url.database) as session:
                number = step
                while not stop.is_set():
                    number = (number + 7) % ROWS
                    session.execute("BEGIN")
                    session.execute(f"UPDATE credits SET amount = amount + {number} WHERE id = {number}")
                    session.execute(f"UPDATE debits SET amount = amount - {number} WHERE id = {number}")
                    session.execute("COMMIT")
        except LockedError:
            return
        except Exception as error:
            failed.append(error)

    workers = [threading.Thread(target=work, args=(step,)) for step in (0, 3)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(60)
    assert not failed


def amounts(session: Session, schema: str) -> tuple[int, int]:
    found = [session.query(f"SELECT SUM(amount) FROM `{schema}`.{table}")[0][0] for table in TABLES]
    return int(found[0]), int(found[1])


def test_all_connections_see_one_point_in_time_under_a_writer(server: Server, url: DatabaseURL) -> None:
    with transferring(url):
        seen = set()
        for _ in range(10):
            with held(rooted(server, url), url.database, tables=TABLES, unsteady=(), connections=4) as point:
                assert point.held == (BACKUP_STAGES if server.dialect == "mariadb" else READ_LOCK)
                assert point.guarded == (server.dialect == "mysql")
                found = [amounts(session, url.database) for session in point.sessions]
                assert len(found) == 4
                assert len(set(found)) == 1
                assert sum(found[0]) == 0
                assert [amounts(session, url.database) for session in point.sessions] == found
            seen.add(found[0])
    assert len(seen) > 1, "nothing was written meanwhile"


@pytest.mark.parametrize(
    ("rights", "how", "connections"),
    [
        (("SELECT", "RELOAD"), None, 3),
        (("SELECT", "LOCK TABLES"), TABLE_LOCKS, 3),
        (("SELECT",), ONE_CONNECTION, 1),
    ],
)
def test_with_fewer_rights_it_is_held_in_another_way(
    server: Server, url: DatabaseURL, rights: tuple[str, ...], how: str | None, connections: int
) -> None:
    expected = how or (BACKUP_STAGES if server.dialect == "mariadb" else READ_LOCK)
    with (
        account(server, url, *rights) as some,
        transferring(url),
        held(some, url.database, tables=TABLES, unsteady=(), connections=3) as point,
    ):
        assert (point.held, point.guarded, len(point.sessions)) == (expected, False, connections)
        found = {amounts(session, url.database) for session in point.sessions}
        assert len(found) == 1
        assert sum(next(iter(found))) == 0


def test_where_the_binary_log_was_is_told_to_who_may_know(server: Server, url: DatabaseURL) -> None:
    with held(rooted(server, url), url.database, tables=TABLES, unsteady=(), connections=1) as point:
        if server.dialect == "mysql":
            assert point.position["offset"] > 0
            assert point.position["file"]
        else:
            assert set(point.position) <= {"file", "offset", "gtid"}
    with (
        account(server, url, "SELECT", "LOCK TABLES") as some,
        held(some, url.database, tables=TABLES, unsteady=(), connections=1) as point,
    ):
        assert "file" not in point.position


def test_nothing_waits_when_it_is_held(server: Server, url: DatabaseURL) -> None:
    with (
        held(rooted(server, url), url.database, tables=TABLES, unsteady=(), connections=2) as point,
        Account(url).connect(url.database) as writer,
    ):
        before = amounts(point.sessions[0], url.database)
        writer.execute("UPDATE credits SET amount = amount + 1000")
        assert amounts(point.sessions[1], url.database) == before


def test_on_mysql_the_schema_stays_as_it_is(mysql_server: Server) -> None:
    with mysql_server.database() as url, Account(url).connect(url.database) as session:
        session.execute("CREATE TABLE credits (id INT PRIMARY KEY)")
        with (
            held(rooted(mysql_server, url), url.database, tables=["credits"], unsteady=(), connections=1),
            pytest.raises(LockedError),
        ):
            session.execute("ALTER TABLE credits ADD COLUMN more INT")
        session.execute("ALTER TABLE credits ADD COLUMN more INT")


def test_tables_without_transactions_are_locked_until_it_is_let_go(server: Server, url: DatabaseURL) -> None:
    with Account(url).connect(url.database) as session:
        session.execute("CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM")
        session.execute("INSERT INTO old VALUES (1)")
        tables = (*TABLES, "old")
        with held(rooted(server, url), url.database, tables=tables, unsteady=["old"], connections=2) as point:
            assert point.held == TABLE_LOCKS
            with pytest.raises(LockedError):
                session.execute("INSERT INTO old VALUES (2)")
            session.execute("UPDATE credits SET amount = amount + 1000")
            for reader in point.sessions:
                assert reader.query(f"SELECT COUNT(*) FROM `{url.database}`.old") == [(1,)]
        session.execute("INSERT INTO old VALUES (2)")
        with (
            account(server, url, "SELECT") as some,
            pytest.raises(DatabaseError, match="may not lock tables") as caught,
            held(some, url.database, tables=tables, unsteady=["old"], connections=2),
        ):
            pass
        assert "LOCK TABLES" in caught.value.hint


def test_who_is_in_the_way_is_waited_for_no_longer_than_the_patience(server: Server, url: DatabaseURL) -> None:
    with Account(url).connect(url.database) as other:
        other.execute("LOCK TABLES credits WRITE")
        with (
            account(server, url, "SELECT", "LOCK TABLES") as some,
            pytest.raises(LockedError, match="could not be held still for a moment within 5 s"),
            held(some, url.database, tables=TABLES, unsteady=(), connections=2),
        ):
            pass
        other.execute("UNLOCK TABLES")
    with held(rooted(server, url), url.database, tables=TABLES, unsteady=(), connections=1) as point:
        assert amounts(point.sessions[0], url.database) == (0, 0)
