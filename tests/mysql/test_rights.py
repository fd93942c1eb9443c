"""What an account may not see of a schema is known before it is missed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.mysql import ObjectSet, missing_rights
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from tests.mysql.support import fill, run, url_of
from tests.support.servers import Server

ALL_OF_THEM = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")


@contextmanager
def _account(server: Server, *grants: str) -> Iterator[DatabaseURL]:
    """Give the URL of an account made for this, called ``{user}`` in ``grants``; ``{role}`` is a role of its own."""
    password, name = secrets.token_hex(8), f"u{secrets.token_hex(4)}"
    user, role = f"'{name}'@'%'", f"'{name}r'"
    run(server, None, f"CREATE USER {user} IDENTIFIED BY '{password}'", f"CREATE ROLE {role}")
    try:
        run(server, None, *(grant.replace("{user}", user).replace("{role}", role) for grant in grants), "DO 0")
        yield replace(url_of(server, "first"), username=name, password=Secret(password))
    finally:
        run(server, None, f"DROP USER {user}", f"DROP ROLE {role}")


def _missing(server: Server, schema: str, *grants: str) -> tuple[str, ...]:
    with _account(server, *grants) as url, Account(url).connect() as session:
        return missing_rights(session, schema)


def _routines(server: Server) -> str:
    return "SHOW_ROUTINE" if server.dialect == "mysql" else "SHOW CREATE ROUTINE"


def test_who_sees_all_lacks_nothing(server: Server, database: str) -> None:
    with Account(url_of(server, "first")).connect() as session:
        assert missing_rights(session, database) == ()
    on = f"ON {quoted(database)}.*"
    assert _missing(server, database, f"GRANT ALL {on} TO {{user}}") == ()
    assert _missing(server, database, "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.* TO {user}") == ()
    assert _missing(server, database, f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, ALTER ROUTINE {on} TO {{user}}") == ()


def test_what_is_lacking_is_named(server: Server, database: str) -> None:
    on, routines = f"ON {quoted(database)}.*", _routines(server)
    assert _missing(server, database) == (*ALL_OF_THEM, routines)
    assert _missing(server, database, f"GRANT SELECT, LOCK TABLES, SHOW VIEW {on} TO {{user}}") == (
        "TRIGGER",
        "EVENT",
        routines,
    )
    assert _missing(server, database, "GRANT SELECT ON *.* TO {user}") == ("SHOW VIEW", "TRIGGER", "EVENT")


def test_rights_on_tables_columns_and_other_schemas_do_not_count(server: Server, database: str) -> None:
    fill(server, database, "old", objects=False)
    assert _missing(
        server,
        database,
        f"GRANT ALL ON {quoted(database)}.parent TO {{user}}",
        f"GRANT SELECT (id), UPDATE (id, parent) ON {quoted(database)}.plain TO {{user}}",
        "GRANT ALL ON `another`.* TO {user}",
    ) == (*ALL_OF_THEM, _routines(server))


def test_the_rights_of_a_role_count_when_it_is_active(server: Server, database: str) -> None:
    grants = (f"GRANT ALL ON {quoted(database)}.* TO {{role}}", "GRANT {role} TO {user}")
    active = "SET DEFAULT ROLE {role} " + ("TO" if server.dialect == "mysql" else "FOR") + " {user}"
    assert _missing(server, database, *grants) == (*ALL_OF_THEM, _routines(server))
    assert _missing(server, database, *grants, active) == ()


def test_of_several_patterns_only_what_all_give_counts(server: Server) -> None:
    wide, narrow = "GRANT ALL ON `m%`.* TO {user}", "GRANT SELECT ON `m1_x`.* TO {user}"
    exact = "ON `m1\\_x`.* TO {user}"
    assert _missing(server, "m1_x", wide) == ()
    assert "EVENT" in _missing(server, "m1_x", wide, narrow)
    assert _missing(server, "m1_x", wide, narrow, f"GRANT ALL {exact}") == ()
    assert "EVENT" in _missing(server, "m1_x", wide, f"GRANT SELECT {exact}")
    assert "SELECT" in _missing(server, "m1yx", f"GRANT ALL {exact}")


def test_an_account_that_lacks_nothing_sees_what_root_sees(server: Server, database: str) -> None:
    """Or is told what it may not read; but nothing is left out without a word."""
    fill(server, database, "old")
    with Account(url_of(server, database)).connect() as session:
        everything = ObjectSet.of(session, database)
    seeing = {
        "mysql": ("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON {on} TO {user}", "GRANT SHOW_ROUTINE ON *.* TO {user}"),
        "mariadb": ("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW CREATE ROUTINE ON {on} TO {user}",),
    }[server.dialect]
    grants = [grant.replace("{on}", f"{quoted(database)}.*") for grant in seeing]
    with _account(server, *grants) as url, Account(url).connect() as session:
        assert missing_rights(session, database) == ()
        assert ObjectSet.of(session, database) == everything


def test_rights_that_are_taken_from_a_part_are_lacking(mysql_server: Server) -> None:
    run(mysql_server, None, "SET GLOBAL partial_revokes = ON")
    try:
        lacking = _missing(
            mysql_server,
            "a_b",
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE ON *.* TO {user}",
            "REVOKE TRIGGER, EVENT ON `a_b`.* FROM {user}",
        )
    finally:
        run(mysql_server, None, "SET GLOBAL partial_revokes = OFF")
    assert lacking == ("TRIGGER", "EVENT")
