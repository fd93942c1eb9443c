"""Accounts go into a snapshot and come back on request: with their passwords and rights, and nobody else touched."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pymysql
import pytest

from deckinfra.builtin.engines.mysql.admitting import give_inside
from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.core.manifest import Origin
from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, RefusedError
from deckinfra.mysql import Server as Account
from deckinfra.mysql.names import quoted
from deckinfra.repository import Repository
from deckinfra.services.drill import drill
from deckinfra.testing import MemoryStore, RecordingReporter
from deckinfra.testing.snapshots import MemorySnapshot
from tests.builtin.engines.mysql.faulty import account, backed_up, engine_of, restored
from tests.mysql.support import run, url_of
from tests.repository.support import open_repository
from tests.support.servers import Server, rows

FIRST, SECOND = "the first pass'word", "the second"


@dataclass(frozen=True)
class People:
    """An application's account with an odd name, one with little, one by a role alone, the role; and the database."""

    server: Server
    database: str
    app: str
    little: str
    member: str
    role: str

    def can(self, name: str, password: str, statement: str, database: str | None = None) -> bool:
        url = replace(url_of(self.server, database or self.database), username=name, password=Secret(password))
        try:
            rows(url, statement)
        except pymysql.err.Error:
            return False
        return True

    def there(self) -> set[str]:
        names = {self.app, self.little, self.member, self.role}
        return {user for (user,) in run(self.server, None, "SELECT User FROM mysql.user")} & names

    def drop(self, *names: str) -> None:
        kind = "ROLE" if self.server.dialect == "mariadb" else "USER"
        for name in set(names) & self.there():
            what = f"{kind} {name}" if name == self.role else f"USER {quoted(name)}@'%'"
            run(self.server, None, f"DROP {what}")


@pytest.fixture
def people(server: Server, database: str) -> Iterator[People]:
    mark = secrets.token_hex(4)
    them = People(server, database, f"o`d'd @ü %s {mark}", f"little{mark}", f"member{mark}", f"role{mark}")
    own, pattern = quoted(database), quoted(database.replace("_", r"\_").replace("%", r"\%"))
    app, little, member = (f"{quoted(name)}@'%'" for name in (them.app, them.little, them.member))
    unasked = f"SET DEFAULT ROLE {them.role} {'FOR' if server.dialect == 'mariadb' else 'TO'} {member}"
    run(
        server,
        database,
        "CREATE TABLE cards (id INT PRIMARY KEY, name VARCHAR(20), cost INT)",
        "INSERT INTO cards VALUES (1, 'Knight', 3)",
        "CREATE TABLE gone (id INT)",
        f'CREATE USER {app} IDENTIFIED BY "{FIRST}" WITH MAX_QUERIES_PER_HOUR 4321',
        f'CREATE USER {little} IDENTIFIED BY "{FIRST}"',
        f'CREATE USER {member} IDENTIFIED BY "{FIRST}" PASSWORD EXPIRE INTERVAL 77 DAY',
        f"CREATE ROLE {them.role}",
        f"GRANT {them.role} TO {member}",
        unasked,
        f"GRANT ALL ON {quoted(pattern[1:-1].replace('``', '`') + '%')}.* TO {app} WITH GRANT OPTION",
        f"GRANT PROCESS ON *.* TO {app}",
        f"CREATE DEFINER = {app} PROCEDURE look() SELECT 1",
        f"GRANT SELECT (id, name), UPDATE (name) ON {own}.cards TO {little}",
        f"GRANT EXECUTE ON PROCEDURE {own}.look TO {little}",
        f"GRANT SELECT ON {own}.gone TO {little}",
        "DROP TABLE gone",
        f"GRANT SELECT ON {pattern}.* TO {them.role}",
        f"CREATE DEFINER = {app} VIEW named AS SELECT name FROM cards",
    )
    try:
        yield them
    finally:
        them.drop(them.app, them.little, them.member, them.role)


def _application(people: People) -> MysqlEngine:
    """Open the engine as a stack does: the application's own account, and root's for backups and restores."""
    root = url_of(people.server, people.database)
    url = replace(root, username=people.app, password=Secret(FIRST))
    return MysqlEngine(url, root, chosen({}), connections=2)


def _kept(people: People) -> tuple[Repository, RecordingReporter, MysqlEngine]:
    """Take a backup with accounts; then give the engine that brings them back, and who hears what it says."""
    reporter = RecordingReporter()
    engine = _application(people).with_accounts(reporter)
    repository = open_repository(MemoryStore(), reporter=reporter)
    backed_up(engine, repository)
    return repository, reporter, engine


def _told(reporter: RecordingReporter) -> str:
    return "\n".join(text for _, text in reporter.events)


def test_who_was_dropped_logs_in_again_with_the_old_password_and_has_the_old_rights(people: People) -> None:
    repository, reporter, _ = _kept(people)
    assert f"{people.app}@% may do things on all databases" in _told(reporter)
    people.drop(people.app, people.little, people.member, people.role)
    run(people.server, None, f"DROP DATABASE {quoted(people.database)}")
    # Without being asked for, nobody comes back, and never in a drill.
    with pytest.raises(RefusedError, match="nor can the application's account log in") as raised:
        restored(_application(people), repository)
    assert "restore with --accounts" in (raised.value.hint or "")
    asked = _application(people).with_accounts(reporter)
    drill(asked, repository, "latest", Origin("shop", "local"), reporter, timeout=30)
    assert people.there() == set()
    restored(asked, repository, reporter)
    assert people.can(people.app, FIRST, "SELECT * FROM named")
    assert people.can(people.app, FIRST, "DELETE FROM cards WHERE id = 99")
    assert people.can(people.app, FIRST, f"CREATE DATABASE {quoted(people.database + ' beside')}")
    assert not people.can(people.app, "wrong", "SELECT 1")
    assert people.can(people.little, FIRST, "UPDATE cards SET name = 'Miner' WHERE id = 99")
    assert people.can(people.little, FIRST, "CALL look()")
    assert not people.can(people.little, FIRST, "SELECT cost FROM cards")
    assert people.can(people.member, FIRST, "SELECT cost FROM cards")
    assert not people.can(people.member, FIRST, "DELETE FROM cards")
    shown = run(people.server, None, f"SHOW CREATE USER {people.member}@'%'")[0][0]
    assert "PASSWORD EXPIRE INTERVAL 77 DAY" in shown
    shown = run(people.server, None, f"SHOW CREATE USER {quoted(people.app)}@'%'")[0][0]
    assert "MAX_QUERIES_PER_HOUR 4321" in shown
    assert f"made the account {people.role}" in _told(reporter)
    assert f"{people.little}@% could not be given SELECT on gone" in _told(reporter)


def test_who_is_there_keeps_the_password_and_gets_only_what_lacks(people: People) -> None:
    repository, reporter, engine = _kept(people)
    little = f"{people.little}@'%'"
    table = f"{quoted(people.database)}.cards"
    run(
        people.server,
        None,
        f"ALTER USER {little} IDENTIFIED BY '{SECOND}'",
        f"REVOKE UPDATE (name) ON {table} FROM {little}",
        f"GRANT DELETE ON {table} TO {little}",
        f"REVOKE {people.role} FROM {people.member}@'%'",
    )
    restored(engine, repository, reporter)
    assert people.can(people.little, SECOND, "UPDATE cards SET name = 'Miner' WHERE id = 99 AND name = ''")
    assert people.can(people.little, SECOND, "DELETE FROM cards WHERE id = 99")
    assert not people.can(people.little, FIRST, "SELECT 1")
    # Roles are more than this database's matter: those of who is there are left as they are.
    assert not people.can(people.member, FIRST, "SELECT * FROM cards")
    told = _told(reporter)
    assert f"{people.little}@% is there already and keeps its password\n" in told
    assert f"{people.little}@% was given UPDATE (`name`) on cards" in told
    assert f"{people.member}@% has not the role {people.role}" in told
    assert f"made the account {people.little}" not in told


def test_into_another_database_the_rights_are_on_that_one(people: People) -> None:
    other = f"{people.database} other"
    repository, reporter, _ = _kept(people)
    people.drop(people.app, people.member)
    engine = engine_of(people.server, other).with_accounts(reporter)
    restored(engine, repository, reporter)
    assert people.can(people.member, FIRST, "SELECT * FROM cards", other)
    assert people.can(people.app, FIRST, "SELECT * FROM named", other)
    assert people.can(people.little, FIRST, "SELECT name FROM cards", other)
    assert not people.can(people.app, FIRST, "SELECT * FROM named")


def test_what_may_not_be_read_or_made_is_refused_with_the_right_it_takes(people: People) -> None:
    server, database = people.server, people.database
    everything = "ALL ON {own}"
    routines = "SHOW_ROUTINE" if server.dialect == "mysql" else "SHOW CREATE ROUTINE"
    with account(server, database, everything, f"{routines} ON *.*") as blind:
        engine = engine_of(server, database, blind).with_accounts(RecordingReporter())
        with pytest.raises(RefusedError, match=r"lacks SELECT ON `mysql`\.\*"), engine.snapshot():
            pass
    repository, _, _ = _kept(people)
    people.drop(people.little)
    rights = "SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER" if server.dialect == "mysql" else "SET USER"
    definer = f"{rights}, {routines} ON *.*"
    with account(server, database, everything, definer) as some:
        engine = engine_of(server, database, some).with_accounts(RecordingReporter())
        with pytest.raises(RefusedError, match=f"the right CREATE USER, to make .*{people.little}@%"):
            restored(engine, repository)
    assert people.little not in people.there()
    run(server, database, "DELETE FROM cards")
    with account(server, database, everything, definer, "CREATE USER, SUPER ON *.*") as some:
        engine = engine_of(server, database, some).with_accounts(RecordingReporter())
        with pytest.raises(DatabaseError, match="could not be given what it had") as raised:
            restored(engine, repository)
    assert "What was live is live still" in (raised.value.hint or "")
    assert run(server, database, "SELECT * FROM cards") == []
    repository = open_repository(MemoryStore())
    backed_up(engine_of(server, database), repository)
    with pytest.raises(RefusedError, match="the snapshot has no accounts"):
        restored(engine_of(server, database).with_accounts(RecordingReporter()), repository)


def test_what_stands_for_a_password_is_never_shown(people: People) -> None:
    engine = _application(people).with_accounts(RecordingReporter())
    with engine.snapshot() as snapshot:
        taken = MemorySnapshot.of(snapshot)
    part = ("schema", "accounts")
    # A server that cannot make sense of a statement says where, with what follows.
    broken = b"".join(taken.contents[part]).replace(b"IDENTIFIED ", b"IDENTIFIED NONSENSE ")
    people.drop(people.app, people.little, people.member)
    before = run(people.server, people.database, "SELECT * FROM cards")
    unreadable = replace(taken, contents={**taken.contents, part: (broken,)})
    with engine.lock("test", timeout=10), engine.shadow("test") as shadow:
        shadow.load(unreadable)
        with pytest.raises(DatabaseError, match="could not be made: the server's error is number") as raised:
            engine.swap(shadow, "test")
    assert "NONSENSE" not in f"{raised.value} {raised.value.hint} {raised.value.__cause__}"
    assert run(people.server, people.database, "SELECT * FROM cards") == before
    assert repr(shadow.accounts).count("IDENTIFIED") == 0


def test_a_server_that_goes_away_after_the_swap_leaves_a_restore_that_is_told_as_live() -> None:
    reporter = RecordingReporter()
    nowhere = DatabaseURL("mysql", "", "root", "127.0.0.1", 1, "shop")
    give_inside(Account(nowhere), "shop", (), reporter)
    ((kind, text),) = reporter.events
    assert (kind, text.partition(",")[0]) == ("warn", "the snapshot is live")
