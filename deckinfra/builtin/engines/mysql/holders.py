"""Reading who uses a schema: whoever has rights on it, or made something in it, and their roles.

The server's own accounts and ``root`` are left out; so are rights that reach further than the schema, which is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from deckinfra.errors import DatabaseError, RefusedError
from deckinfra.mysql import Server, Session
from deckinfra.mysql.definitions import account
from deckinfra.mysql.faults import ACCESS_DENIED, code_of
from deckinfra.mysql.rights import Naming

from .accounts import Account
from .grants import grants_in, reaches_further

_OWN: Final = frozenset({"root", "mariadb.sys", "PUBLIC"})
_HEX: Final = (8, 0, 17)
"""The first MySQL that prints what it keeps of a password so that it can be read back, whatever bytes it has."""

_TABLES: Final = ("db", "tables_priv", "procs_priv")
_PART: Final = r"`(?:[^`]|``)*`"
_DEFAULT_ROLE: Final = re.compile(
    rf"\A((?:'(?:[^'\\]|\\.|'')*'|{_PART}|[^'`])*?) DEFAULT ROLE {_PART}@{_PART}(?:,{_PART}@{_PART})*", re.DOTALL
)
NO_SUCH_ACCOUNT: Final = 1141
_MOST: Final = 5


def accounts_of(
    session: Session, server: Server, schema: str, definers: Iterable[str]
) -> tuple[tuple[Account, ...], list[str]]:
    """Give the accounts that use ``schema``, and sentences on what of them is left out.

    :class:`RefusedError` where this account may not see them.
    """
    try:
        return _Reader(session, server, schema).read(definers)
    except DatabaseError as error:
        if code_of(error) not in ACCESS_DENIED:
            raise
        raise RefusedError(
            f"the account {session.url.username} may not see who uses the database: it lacks SELECT ON `mysql`.* "
            f"({error.message})",
            hint="No backup was made, since it would lack the accounts. Grant it that, set DATABASE_ADMIN_USER to an "
            "account that may, or back up without --accounts and BACKUP_ACCOUNTS.",
        ) from error


def shown_grants(session: Session, name: str) -> list[str]:
    """Give the lines in which the server tells what an account may do."""
    return [str(line) for (line,) in session.query(f"SHOW GRANTS FOR {account(name)}")]


def is_there(session: Session, name: str) -> bool:
    """Whether there is such an account; where that may not be asked, there is none."""
    try:
        return bool(shown_grants(session, name))
    except DatabaseError as error:
        if code_of(error) not in (NO_SUCH_ACCOUNT, *ACCESS_DENIED):
            raise
        return False


class _Reader:
    def __init__(self, session: Session, server: Server, schema: str) -> None:
        self._session = session
        self._schema = schema
        self._is_mysql = server.vendor == "mysql"
        if self._is_mysql and server.version_number < _HEX:
            raise RefusedError(
                f"a server of version {server.version} does not print passwords so that they can be read back",
                hint="No backup was made. Back up without --accounts, or use MySQL 8.0.17 or a later one.",
            )

    def read(self, definers: Iterable[str]) -> tuple[tuple[Account, ...], list[str]]:
        if self._is_mysql:
            self._session.execute("SET SESSION print_identified_with_as_hex = 1")
        naming, there = Naming.of(self._session), self._there()
        using = there & {*definers, *self._holders(naming)}
        roles = self._roles()
        # Whoever has a role has its rights.
        members: dict[str, set[str]] = {}
        for who, theirs in roles.items():
            for role in theirs:
                members.setdefault(role, set()).add(who)
        using = _spread(using, members) & there
        using = _spread(using, roles) & there
        found, further = [], []
        for name in sorted(using):
            lines = shown_grants(self._session, name)
            own = {role: admin for role, admin in roles.get(name, {}).items() if role in using}
            active = tuple(sorted(self._active(name) & own.keys()))
            grants = tuple(grants_in(lines, name, self._schema, naming))
            found.append(Account(name, self._statements(name, is_role=name in self._of_mariadb), grants, own, active))
            further += [name] if reaches_further(lines, name) else []
        return tuple(found), list(_left_out(further))

    def _there(self) -> set[str]:
        """Give all accounts but the server's own."""
        is_role = "'N'" if self._is_mysql else "is_role"
        rows = self._session.query(f"SELECT User, Host, {is_role} FROM mysql.user")  # noqa: S608
        self._of_mariadb = {user for user, _, role in rows if role == "Y"}
        return {self._named(*row[:2]) for row in rows if row[0] not in _OWN and not row[0].startswith("mysql.")}

    def _named(self, user: str, host: str) -> str:
        return user if not host and user in self._of_mariadb else f"{user}@{host}"

    def _holders(self, naming: Naming) -> set[str]:
        """Give whoever has a right on the schema or in it."""
        found = set()
        for table in _TABLES:
            fits = naming.fits if table == "db" else naming.is_same
            rows = self._session.query(f"SELECT DISTINCT User, Host, Db FROM mysql.{table}")  # noqa: S608
            found |= {self._named(user, host) for user, host, name in rows if fits(name, self._schema)}
        return found

    def _roles(self) -> dict[str, dict[str, bool]]:
        """Give the roles of each account that has some."""
        rows = self._session.query(
            "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST, WITH_ADMIN_OPTION FROM mysql.role_edges"
            if self._is_mysql
            else "SELECT User, Host, Role, '', Admin_option FROM mysql.roles_mapping"
        )
        found: dict[str, dict[str, bool]] = {}
        for user, host, role, at, admin in rows:
            found.setdefault(self._named(user, host), {})[self._named(role, at)] = admin == "Y"
        return found

    def _active(self, name: str) -> set[str]:
        rows = self._session.query(
            "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE CONCAT(USER, '@', HOST) = %s"
            if self._is_mysql
            else "SELECT default_role, '' FROM mysql.user WHERE CONCAT(User, '@', Host) = %s AND default_role <> ''",
            name,
        )
        return {self._named(user, host) for user, host in rows}

    def _statements(self, name: str, *, is_role: bool) -> tuple[str, ...]:
        if is_role:
            return (f"CREATE ROLE {account(name)}",)
        rows = self._session.query(f"SHOW CREATE USER {account(name)}")
        # Roles that it has unasked are given to it when they are all there.
        return tuple(_DEFAULT_ROLE.sub(r"\1", str(statement), count=1) for (statement,) in rows)


def _spread(names: Collection[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    """Give whatever can be reached from some names, these included."""
    found, ahead = set(names), list(names)
    while ahead:
        new = set(edges.get(ahead.pop(), ())) - found
        found |= new
        ahead += new
    return found


def _left_out(names: list[str]) -> Iterable[str]:
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        yield (
            f"{', '.join(names[:_MOST])}{more} may do things on all databases, or act for others: that is not in the "
            "backup, only their rights on this database are"
        )
