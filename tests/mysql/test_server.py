"""Connections: what goes wrong with them is told, with no secret in it."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, LockedError
from deckinfra.mysql import Server as Account
from deckinfra.mysql.server import CONNECT_LIMIT
from tests.mysql.support import connect, fill, run, url_of
from tests.support.servers import PASSWORD, Server, docker


def _error(url: DatabaseURL, statement: str = "SELECT 1", schema: str | None = None) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, Account(url).connect(schema) as session:
        session.query(statement)
    if url.password is not None:
        assert url.password.reveal() not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"
    return caught.value


def test_it_knows_vendor_and_version(server: Server) -> None:
    found = Account(url_of(server, "first"))
    assert found.vendor == server.dialect
    assert found.version.startswith(".".join(map(str, found.version_number)))
    assert found.version_number > (8,)
    found.require_supported()


def test_rows_and_changes_come_with_parameters_and_odd_names(server: Server, database: str) -> None:
    fill(server, database, "old", objects=False)
    with Account(url_of(server, database)).connect(database) as session:
        assert session.query("SELECT `a``b` FROM `we``ird täble %s` WHERE `a``b` = %s", 1) == [(1,)]
        assert session.query("SELECT '100 %'") == [("100 %",)]
        assert session.execute("DELETE FROM `we``ird täble %s`") == 1
        assert session.query("SELECT @@sql_mode, @@time_zone, @@character_set_client") == [
            ("NO_AUTO_VALUE_ON_ZERO", "+00:00", "utf8mb4")
        ]


def test_a_wrong_password_is_told_as_such(server: Server) -> None:
    url = url_of(server, "first")
    wrong = _error(url.with_password(Secret("not this one")))
    assert "refuses this user or password" in wrong.message
    assert "refuses this user or password" in _error(replace(url, username="nobody")).message


def test_an_unknown_host_a_closed_port_and_a_missing_database_differ(server: Server) -> None:
    url = url_of(server, "first")
    assert "host that is not known" in _error(replace(url, host="no-such-host.invalid")).message
    assert "cannot be reached" in _error(replace(url, port=1)).message
    assert "does not exist" in _error(url, schema="no such one").message


def test_what_an_account_may_not_do_is_told_with_the_setting_that_helps(server: Server) -> None:
    error = _error(server.url("first"), "CREATE DATABASE not_mine")
    assert "does not let this user do that" in error.message
    assert "DATABASE_ADMIN_USER" in error.hint


def test_a_connection_that_the_server_ends_is_told_as_gone(server: Server) -> None:
    with Account(url_of(server, "first")).connect() as session:
        run(server, None, f"KILL {session.id}")
        with pytest.raises(DatabaseError, match="went away"):
            session.query("SELECT 1")


def test_others_locks_are_waited_for_a_short_time(server: Server, database: str) -> None:
    fill(server, database, "old", objects=False)
    blocker = connect(server, database)
    blocker.cursor().execute("LOCK TABLES plain READ")
    with pytest.raises(LockedError, match="kept busy"), Account(url_of(server, database)).connect(database) as session:
        session.execute("DROP TABLE plain")
    blocker.close()


def test_a_server_that_takes_connections_and_says_nothing_is_given_up(mysql_server: Server) -> None:
    docker("pause", mysql_server.container)
    try:
        error = _error(url_of(mysql_server, "first"))
    finally:
        docker("unpause", mysql_server.container)
    assert "does not answer" in error.message
    assert "paused" in error.hint


def test_a_statement_may_take_longer_than_connecting(mysql_server: Server) -> None:
    wanted = CONNECT_LIMIT + 1
    with Account(url_of(mysql_server, "first")).connect() as session:
        assert session.query(f"SELECT SLEEP({wanted})") == [(0,)]


def test_a_statement_that_takes_longer_than_its_limit_is_given_up(server: Server) -> None:
    with Account(url_of(server, "first")).connect(limit=1) as session, pytest.raises(DatabaseError, match="went away"):
        session.query("SELECT SLEEP(20)")


def test_what_a_server_refuses_is_told_in_its_own_words(server: Server) -> None:
    error = _error(url_of(server, "first"), "SELECT 1 FROM DUAL WHERE")
    assert "refused a statement: You have an error in your SQL syntax" in error.message
    assert "doctor" not in error.hint


def test_what_stays_on_this_machine_is_not_enciphered_unless_the_server_wants_it(server: Server) -> None:
    away = url_of(server, "first")
    here, name = replace(away, within=True), f"tls{secrets.token_hex(4)}"

    def cipher(url: DatabaseURL) -> str:
        with Account(url).connect() as session:
            return str(session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1])

    assert (bool(cipher(away)), bool(cipher(here))) == (True, False)
    server.as_root(f"CREATE USER {name}@'%%' IDENTIFIED BY %s REQUIRE SSL", PASSWORD)
    run(server, None, "SET GLOBAL require_secure_transport = ON")
    try:
        assert cipher(here)
        run(server, None, "SET GLOBAL require_secure_transport = OFF")
        assert cipher(replace(here, username=name, password=Secret(PASSWORD)))
    finally:
        run(server, None, "SET GLOBAL require_secure_transport = OFF", f"DROP USER {name}@'%'")
    assert "password" in _error(replace(here, password=Secret("wrong"))).message
