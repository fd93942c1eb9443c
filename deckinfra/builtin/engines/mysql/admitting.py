"""Makes the accounts that a snapshot has and a server lacks, and gives them their rights on a schema.

Who is there already keeps password, limits and roles, and gets what rights on the schema it lacks. No statement that
makes an account is ever shown, nor what a server says that may repeat it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server, Session
from deckinfra.mysql.definitions import account
from deckinfra.mysql.faults import ACCESS_DENIED, code_of
from deckinfra.mysql.rights import Naming
from deckinfra.ports import Reporter

from .accounts import Account
from .grants import Grant, grants_in
from .holders import is_there, shown_grants

_THERE_ALREADY: Final = ("3163 ", "1973 ", "1975 ")
_TELLING: Final = frozenset({*ACCESS_DENIED, 1524, 1819, 1827, 4006})
"""Errors whose text names no more than a right, a way to log in, a rule for passwords, or what is the account's."""

_LIVE: Final = "What was live is live still. Accounts that were made meanwhile stay; run it again when that is right."


def admit(server: Server, schema: str, accounts: Sequence[Account], reporter: Reporter) -> None:
    """Make those of ``accounts`` that are not there, with their roles, and give all of them their rights on ``schema``.

    The schema need not be there yet. :class:`DatabaseError` says which could not be made, or be given what.
    """
    with server.connect() as session:
        _admit(session, schema, accounts, is_mysql=server.vendor == "mysql", reporter=reporter)


def _admit(session: Session, schema: str, accounts: Sequence[Account], *, is_mysql: bool, reporter: Reporter) -> None:
    made = {each.name for each in accounts if _make(session, each)}
    naming = Naming.of(session)
    for each in accounts:
        for role, admin in each.roles.items():
            if each.name in made or role in made:
                _run(session, f"{_role(role, each.name)}{' WITH ADMIN OPTION' if admin else ''}", each.name)
        if each.active and each.name in made:
            for statement in _activated(each, is_mysql=is_mysql):
                _run(session, statement, each.name)
        given = []
        for grant in _lacking(session, each, schema, naming, inside=False):
            _run(session, grant.sql(each.name, schema, naming), each.name)
            given.append(str(grant))
        _tell(session, each, made, given, reporter)


def give_inside(server: Server, schema: str, accounts: Sequence[Account], reporter: Reporter) -> None:
    """Give rights on what is in ``schema``, which is live by now: what cannot be given is warned of."""
    try:
        with server.connect() as session:
            _give_inside(session, schema, accounts, reporter)
    except DatabaseError as error:
        reporter.warn(
            f"the snapshot is live, but rights on its tables and routines could not be given: {error.message}"
        )


def _give_inside(session: Session, schema: str, accounts: Sequence[Account], reporter: Reporter) -> None:
    naming = Naming.of(session)
    for each in accounts:
        given = []
        for grant in _lacking(session, each, schema, naming, inside=True):
            statement = grant.sql(each.name, schema, naming)
            try:
                session.execute(statement)
                given.append(str(grant))
            except DatabaseError as error:
                reporter.warn(f"the account {each.name} could not be given {grant}: {error.message}. Run {statement}")
        if given:
            reporter.note(f"the account {each.name} was given {'; '.join(given)}")


def _make(session: Session, one: Account) -> bool:
    """Make an account; gives whether it was not there."""
    if is_there(session, one.name):
        return False
    first, *others = one.statements
    sort = "ROLE" if first.startswith("CREATE ROLE") else "USER"
    first = first.replace(f"CREATE {sort}", f"CREATE {sort} IF NOT EXISTS", 1)
    try:
        if any(told.startswith(_THERE_ALREADY) for told in session.define(first, "utf8mb4")):
            return False
        for statement in others:
            session.execute(statement)
    except DatabaseError as error:
        code = code_of(error)
        why = error.message if code in _TELLING else f"the server's error is number {code}"
        raise DatabaseError(
            f"the account {one.name} could not be made: {why}", hint=f"{_LIVE} Or make that one by hand."
        ) from None
    return True


def _run(session: Session, statement: str, name: str) -> None:
    try:
        session.execute(statement)
    except DatabaseError as error:
        raise DatabaseError(
            f"the account {name} could not be given what it had: {error.message}", hint=f"{_LIVE} It is: {statement}"
        ) from error


def _lacking(session: Session, one: Account, schema: str, naming: Naming, *, inside: bool) -> list[Grant]:
    """Give the rights that an account has in the snapshot and not on the server: on the schema, or ``inside`` it."""
    has = grants_in(_shown(session, one.name), one.name, schema, naming)
    lacking = (grant.without(has) for grant in one.grants if bool(grant.name) is inside)
    return [grant for grant in lacking if grant]


def _shown(session: Session, name: str) -> list[str]:
    """Ask what an account may do; nothing where that may not be asked: then it is given what it may have."""
    try:
        return shown_grants(session, name)
    except DatabaseError as error:
        if code_of(error) not in ACCESS_DENIED:
            raise
        return []


def _activated(one: Account, *, is_mysql: bool) -> Iterator[str]:
    if is_mysql:
        yield f"SET DEFAULT ROLE {', '.join(map(account, one.active))} TO {account(one.name)}"
    else:
        yield f"SET DEFAULT ROLE {account(one.active[0])} FOR {account(one.name)}"


def _tell(session: Session, one: Account, made: Collection[str], given: Sequence[str], reporter: Reporter) -> None:
    if one.name in made:
        reporter.note(f"made the account {one.name}, as it was in the snapshot")
        return
    what = f"; it was given {'; '.join(given)} on the database" if given else ""
    reporter.note(f"the account {one.name} is there already and keeps its password{what}")
    shown = _shown(session, one.name)
    for role in one.roles:
        if role not in made and not any(line.startswith(_role(role, one.name)) for line in shown):
            reporter.warn(f"{one.name} has not the role {role}, as it did: {_role(role, one.name)} gives it that")


def _role(role: str, name: str) -> str:
    return f"GRANT {account(role)} TO {account(name)}"
