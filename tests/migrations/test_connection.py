import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError
from deckinfra.migrations import Migrator
from deckinfra.migrations.connection import LOOK, MIGRATE, PLANT, STATEMENT_LIMIT, Mode, connect, server_url
from tests.migrations.support import three, write_three
from tests.support.servers import rows

TRICKY = "p@ss:/?#[]%41 'x\" é"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("mysql://u@h/d", "mysql+pymysql"),
        ("mariadb://u@h/d", "mariadb+pymysql"),
        ("mysql+asyncmy://u@h/d", "mysql+asyncmy"),
    ],
)
def test_a_url_without_a_driver_uses_pymysql(url: str, driver: str) -> None:
    assert driver == server_url(DatabaseURL.parse(url)).drivername


def test_names_and_passwords_stand_for_themselves() -> None:
    url = DatabaseURL("mysql", "", "a b@c", "::1", 3307, "deck 'é/%", "charset=latin1&x=1", Secret(TRICKY))
    made = server_url(url)
    assert (
        made.username,
        made.password,
        made.host,
        made.port,
        made.database,
    ) == ("a b@c", TRICKY, "::1", 3307, "deck 'é/%")
    assert dict(made.query) == {"charset": "latin1", "x": "1"}
    assert TRICKY not in str(made)


@pytest.mark.parametrize("url", ["mysql+nothing://u@h/d", "oracle+nothing://u@h/d", "no-dialect://u@h/d"])
def test_a_driver_that_is_not_there_is_a_matter_of_configuration(tmp_path: Path, url: str) -> None:
    migrator = Migrator(write_three(tmp_path / "m"), DatabaseURL.parse(url))
    with pytest.raises(ConfigurationError, match="there is no driver for the database"):
        migrator.status()


def test_a_driver_that_is_not_installed_is_a_matter_of_configuration(tmp_path: Path) -> None:
    url = DatabaseURL.parse("mysql+mysqldb://u@h/d")
    with pytest.raises(ConfigurationError, match="No module named 'MySQLdb'"):
        Migrator(write_three(tmp_path / "m"), url).status()


@pytest.mark.parametrize(
    "name", ["app.db", "a b.db", 'it\'s "so".db', "ünï-日本.db", "50%41?mode=memory#x.db", "a\nb.db"]
)
def test_every_letter_of_a_path_stands_for_itself(tmp_path: Path, name: str) -> None:
    migrator = three(tmp_path, DatabaseURL("sqlite", database=str(tmp_path / name)))
    migrator.upgrade()
    assert {name, "migrations"} == {path.name for path in tmp_path.iterdir()}
    assert migrator.status().state == "up to date"


@pytest.mark.parametrize(("mode", "expected"), [(LOOK, 1), (MIGRATE, 0), (PLANT, 1), (Mode(foreign_keys=False), 0)])
def test_foreign_keys_hold_but_while_tables_change(
    tmp_path: Path, sqlite_url: DatabaseURL, mode: Mode, expected: int
) -> None:
    three(tmp_path, sqlite_url).upgrade()
    with connect(sqlite_url, mode, wait=1) as connection:
        assert expected == connection.exec_driver_sql("PRAGMA foreign_keys").scalar()


def test_what_is_not_committed_is_taken_back(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    three(tmp_path, sqlite_url).upgrade()
    with connect(sqlite_url, MIGRATE, wait=1) as connection:
        connection.exec_driver_sql("CREATE TABLE lost (id)")
    with connect(sqlite_url, LOOK, wait=1) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'lost'").scalar() == 0


def test_a_servers_locks_are_waited_for_as_long_as_was_said(server_url: DatabaseURL) -> None:
    with connect(server_url, LOOK, wait=7.4) as connection:
        found = connection.exec_driver_sql("SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout").one()
        assert tuple(found) == (7, 7)


def test_a_server_that_is_silent_is_given_up(server_url: DatabaseURL) -> None:
    with (
        pytest.raises(DatabaseError, match=r"went away: .*timed out"),
        connect(server_url, LOOK, wait=5, limit=1) as connection,
    ):
        connection.exec_driver_sql("SELECT SLEEP(30)")
    with socket.create_server(("127.0.0.1", 0)) as stopped:
        silent = replace(server_url, port=stopped.getsockname()[1])
        with pytest.raises(DatabaseError, match="timed out"), connect(silent, LOOK, wait=5, limit=1):
            pass


def test_a_statement_may_take_longer_than_a_greeting(server_url: DatabaseURL) -> None:
    with connect(server_url, LOOK, wait=5) as connection:
        driven = connection.connection.driver_connection
        assert driven is not None
        assert driven._read_timeout == driven._write_timeout == STATEMENT_LIMIT


def test_text_goes_to_a_server_and_back_as_it_is(tmp_path: Path, server_url: DatabaseURL) -> None:
    with connect(server_url, MIGRATE, wait=5) as connection:
        connection.exec_driver_sql("CREATE TABLE t (text VARCHAR(20) CHARACTER SET utf8mb4)")
        connection.exec_driver_sql("INSERT INTO t VALUES (%s)", ("naïve 🃏 日本",))
        connection.commit()
        assert connection.exec_driver_sql("SELECT text FROM t").scalar() == "naïve 🃏 日本"
    assert len(rows(server_url, "SELECT * FROM t")) == 1
