"""What a server tells of a schema that a backup or a restore could not bring back."""

from __future__ import annotations

from deckinfra.mysql import Server as Account
from deckinfra.mysql import crossing_foreign_keys, unsupported_objects
from deckinfra.mysql.names import quoted
from tests.mysql.support import fill, run, url_of
from tests.support.servers import Server


def test_foreign_keys_across_schemas_are_told_from_both_sides(server: Server, database: str) -> None:
    fill(server, database, "old")
    other = f"{database} other"
    run(server, None, f"CREATE DATABASE {quoted(other)}")
    with Account(url_of(server, database)).connect() as session:
        assert crossing_foreign_keys(session, database) == ()
        to = f"REFERENCES {quoted(database)}.parent (id)"
        run(server, other, f"CREATE TABLE c (p INT, q INT, CONSTRAINT b FOREIGN KEY (p) {to})")
        run(server, other, f"ALTER TABLE c ADD CONSTRAINT a FOREIGN KEY (q) {to}")
        expected = tuple(f"foreign key '{name}' leads from {other}.c to {database}.parent" for name in ("a", "b"))
        assert crossing_foreign_keys(session, database) == expected
        assert crossing_foreign_keys(session, other) == expected
    run(server, None, f"DROP DATABASE {quoted(other)}")


def test_what_is_supported_is_not_told_as_unsupported(server: Server, database: str) -> None:
    fill(server, database, "old")
    if server.dialect == "mariadb":
        run(
            server,
            database,
            "CREATE SEQUENCE s",
            "CREATE TABLE versioned (i INT) WITH SYSTEM VERSIONING",
            "SET sql_mode = ORACLE",
            "CREATE PACKAGE p AS FUNCTION f RETURN INT; END",
        )
    with Account(url_of(server, database)).connect(database) as session:
        session.execute("CREATE TEMPORARY TABLE passing (i INT)")
        assert unsupported_objects(session, database) == ()


def test_libraries_of_mysql_are_told_as_unsupported(mysql_server: Server) -> None:
    with mysql_server.database() as url:
        run(mysql_server, url.database, "CREATE LIBRARY it LANGUAGE JAVASCRIPT AS 'export function f() {return 1}'")
        with Account(url_of(mysql_server, url.database)).connect() as session:
            assert unsupported_objects(session, url.database) == ("library 'it'",)
