"""Transactions on real servers, and what the API makes of what databases refuse."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from src.models import DUPLICATES, Card, Deck, User
from src.services.cards import CardFilter, find_cards, get_card
from src.utils.database import ATTEMPTS, LOCK_WAIT, REST, Database
from src.utils.errors import ApiError, BadReference, Deadlock, Duplicate, Unavailable
from src.utils.faults import meaning
from src.utils.security import utc_now
from tests.backend.support import CARDS, Api, running_api, settings, wait_until
from tests.support.servers import Server, rows, unreachable


def count_users(database: Database, name: str) -> int:
    with database.transaction(write=False) as session:
        return session.scalar(select(func.count()).select_from(User).where(User.username == name)) or 0


def user(name: str) -> User:
    return User(username=name, email=f"{name}@x.y", password_hash="none", created_at=utc_now(), updated_at=utc_now())


def test_what_ends_well_is_committed(api: Api) -> None:
    database = api.context.database
    with database.transaction() as session:
        session.add(user("kept"))
    assert count_users(database, "kept") == 1
    with database.transaction() as session:
        session.execute(delete(User).where(User.username == "kept"))
    assert count_users(database, "kept") == 0


def test_what_fails_is_rolled_back_and_the_connection_comes_back(api: Api) -> None:
    database = api.context.database

    def fail() -> None:
        with database.transaction() as session:
            session.add(user("lost"))
            session.flush()
            raise KeyError("a fault of ours")

    with pytest.raises(KeyError, match="a fault of ours"):
        fail()
    assert count_users(database, "lost") == 0
    assert database.pool_use().checked_out == 0


def _deck(**values: Any) -> Deck:
    chosen = {"user_id": 1, "name": "x", "cards": CARDS, "evolution_slots": [], "average_elixir": 3} | values
    return Deck(created_at=utc_now(), updated_at=utc_now(), **chosen)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (lambda: user("trainer"), Duplicate),
        (lambda: _deck(user_id=2_000_000_000), BadReference),
        (lambda: _deck(name=""), BadReference),
        (lambda: _deck(cards=[1]), BadReference),
        (lambda: _deck(name=None), BadReference),
    ],
    ids=["duplicate", "reference", "check", "length", "null"],
)
def test_what_the_database_refuses_is_told_as_what_it_means(
    api: Api, row: Callable[[], object], expected: type[ApiError]
) -> None:
    def add(session: Session) -> None:
        session.add(row())

    with pytest.raises(expected) as caught:
        api.context.database.run(add)
    assert "INSERT" not in caught.value.detail


def test_a_server_cuts_no_text_short(server_api: Api) -> None:
    def add(session: Session) -> None:
        session.add(_deck(name="x" * 101))

    with pytest.raises(BadReference):
        server_api.context.database.run(add)


def test_sessions_count_in_utc_and_do_not_wait_for_long(server_api: Api) -> None:
    variables = "@@time_zone, @@lock_wait_timeout, @@innodb_lock_wait_timeout, @@transaction_isolation"
    with server_api.context.database.transaction(write=False) as session:
        found = tuple(session.execute(text(f"SELECT {variables}")).one())
    assert found == ("+00:00", LOCK_WAIT, LOCK_WAIT, "READ-COMMITTED")


def test_a_deadlock_is_run_again(server_api: Api) -> None:
    people = [server_api.person().id for _ in range(2)]
    barrier = threading.Barrier(2)
    attempts: list[int] = []

    def rename_both(first: int, second: int) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            attempts.append(first)
            session.execute(update(User).where(User.id == first).values(password_hash=f"by {first}"))
            if attempts.count(first) == 1:
                barrier.wait(20)
            session.execute(update(User).where(User.id == second).values(password_hash=f"by {first}"))

        return work

    threads = [
        threading.Thread(target=server_api.context.database.run, args=[rename_both(*order)])
        for order in (people, people[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(attempts) > 2, "nothing collided"
    with server_api.context.database.transaction(write=False) as session:
        assert len(set(session.scalars(select(User.password_hash).where(User.id.in_(people))))) == 1


def test_a_deadlock_that_does_not_end_is_told(sqlite_api: Api) -> None:
    calls: list[int] = []

    def collide(session: Session) -> None:
        calls.append(1)
        raise Deadlock("again", 1)

    with pytest.raises(Deadlock):
        sqlite_api.context.database.run(collide)
    assert len(calls) == ATTEMPTS


def test_a_row_that_somebody_holds_is_waited_for_and_no_longer(mysql_api: Api) -> None:
    person = mysql_api.person()
    held = update(User).where(User.id == person.id).values(email=f"{person.username}@held")
    with mysql_api.context.database.transaction() as session:
        session.execute(held)
        response = person.make_deck()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["detail"] == "Somebody else's change takes too long."
    assert person.make_deck().status_code == 201


def test_a_sqlite_file_that_somebody_writes_to_is_busy(sqlite_api: Api) -> None:
    holder, impatient = (sqlite3.connect(sqlite_api.url.database, timeout=0, isolation_level=None) for _ in range(2))
    with closing(holder), closing(impatient):
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            impatient.execute("BEGIN IMMEDIATE")
    busy = DBAPIError("BEGIN IMMEDIATE", {}, caught.value)
    assert isinstance(meaning(busy, {}), Unavailable)


@pytest.mark.parametrize("rest", [0.0, 1.1 * REST])
def test_connections_that_the_server_closed_are_replaced(server_api: Api, rest: float) -> None:
    database = Database(settings(server_api.url, APP_POOL_SIZE=1, APP_POOL_OVERFLOW=0), DUPLICATES)
    own = text("SELECT CONNECTION_ID()")
    with database.transaction(write=False) as session:
        first = session.scalar(own)
    with server_api.context.database.transaction() as session:
        session.execute(text(f"KILL {first}"))
        alive = text(f"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {first}")
        wait_until(lambda: session.scalar(alive) == 0, "the connection was not ended")
    time.sleep(rest)
    with database.transaction(write=False) as session:
        assert session.scalar(own) != first
    database.close()


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_reading_a_deck_asks_the_server_once_and_ends_the_transaction(
    name: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(f"{name}_server")
    url: DatabaseURL = request.getfixturevalue(f"{name}_api").url
    own = text("SELECT CONNECTION_ID()")

    def identify(api: Api) -> int:
        with api.context.database.transaction(write=False) as session:
            return session.scalar(own) or 0

    with running_api(url, APP_POOL_SIZE=1, APP_POOL_OVERFLOW=0) as api:
        person = api.person()
        path = f"/api/decks/{person.make_deck().json()['id']}"
        server.as_root("SET GLOBAL log_output = 'TABLE'")
        server.as_root("SET GLOBAL general_log = ON")
        try:
            connection = identify(api)
            assert person.http.get(path).status_code == 200
            assert identify(api) == connection
        finally:
            server.as_root("SET GLOBAL general_log = OFF")
    root = replace(url, username="root", password=Secret(server.root_password))
    log = f"SELECT argument FROM mysql.general_log WHERE thread_id = {connection} ORDER BY event_time"
    said = [argument if isinstance(argument, str) else argument.decode() for (argument,) in rows(root, log)]
    first, last = (place for place, statement in enumerate(said) if statement == str(own))
    assert [statement.split()[0] for statement in said[first:last]] == ["SELECT", "ROLLBACK", "SELECT", "ROLLBACK"]


@pytest.mark.parametrize("change", [unreachable, lambda url: replace(url, password=Secret("wrong"))])
def test_a_database_that_cannot_be_reached_is_unavailable(
    server_api: Api, change: Callable[[DatabaseURL], DatabaseURL]
) -> None:
    database = Database(settings(change(server_api.url)), DUPLICATES)
    with pytest.raises(Unavailable) as caught, database.transaction() as session:
        get_card(session, 1)
    assert caught.value.headers == {"Retry-After": "5"}
    assert caught.value.detail == "The database cannot be reached."


def test_a_database_without_tables_is_not_ready(any_url: DatabaseURL, tmp_path: Path) -> None:
    if any_url.dialect == "sqlite":
        any_url = replace(any_url, database=str(tmp_path / "empty.db"))
        Path(any_url.database).touch()
    database = Database(settings(any_url), DUPLICATES)
    with pytest.raises(Unavailable, match="not ready"), database.transaction(write=False) as session:
        find_cards(session, CardFilter(), 1, 0)
    database.close()


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    database = Database(settings(DatabaseURL("sqlite", database=str(tmp_path / "missing.db"))), DUPLICATES)
    with pytest.raises(Unavailable, match="cannot be reached"), database.transaction() as session:
        session.get(Card, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_pool_that_is_used_up_says_so_in_time(mysql_api: Api) -> None:
    small = Database(settings(mysql_api.url, APP_POOL_SIZE=1, APP_POOL_OVERFLOW=1, APP_POOL_TIMEOUT=1), DUPLICATES)
    start = time.monotonic()
    with small.transaction() as first, small.transaction() as second:
        first.get(Card, 1)
        second.get(Card, 1)
        use = small.pool_use()
        assert (use.size, use.max_overflow, use.checked_out, use.overflow) == (1, 1, 2, 1)
        with pytest.raises(Unavailable) as caught, small.transaction() as third:
            third.get(Card, 1)
    assert caught.value.headers == {"Retry-After": "1"}
    assert caught.value.detail == "Every connection to the database is in use."
    assert time.monotonic() - start < 30
    assert small.pool_use().checked_out == 0
    small.close()
