"""What an account may see of a schema: what it may not see, the server leaves out of its lists without a word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .server import Session

_READING: Final = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
"""What lists tables, views, triggers and events: on the schema, or on all."""

_LISTING: Final = frozenset({"SHOW CREATE ROUTINE", "EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE"})
"""Any of these lists a schema's routines. Whether it may read them, the server says of each: see :mod:`.capture`."""

_ALL: Final = frozenset({"ALL", "ALL PRIVILEGES"})
_EVERYWHERE: Final = ("*", "*")
_GRANT: Final = re.compile(
    r"(?P<verb>GRANT|REVOKE) (?P<rights>.+?) ON "
    r"(?P<schema>\*|`(?:[^`]|``)*`)\.(?P<table>\*|`(?:[^`]|``)*`) (?:TO|FROM) (?P<who>.+?)"
    r"(?: IDENTIFIED .*| REQUIRE .*| WITH .*)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class _Grant:
    """Rights that one line of ``SHOW GRANTS`` gives or, with ``taken``, takes away again."""

    taken: bool
    rights: frozenset[str]
    place: tuple[str, str]
    who: str


@dataclass(frozen=True)
class Naming:
    """How a server reads names of schemas in grants: all of them to the letter, or ``%`` and ``_`` for others.

    ``folds`` says whether it takes small and capital letters for the same.
    """

    literal: bool
    folds: bool

    @classmethod
    def of(cls, session: Session) -> Naming:
        """Ask the server."""
        folds = session.query("SELECT @@lower_case_table_names")[0][0]
        return cls(_is_mysql(session) and _are_names_literal(session), bool(folds))

    def pattern(self, schema: str) -> str:
        """Give how a grant names ``schema``, and no other."""
        return schema if self.literal else re.sub(r"([\\%_])", r"\\\1", schema)

    def is_same(self, name: str, schema: str) -> bool:
        """Whether a name that stands for itself is this schema's."""
        return name.casefold() == schema.casefold() if self.folds else name == schema

    def fits(self, pattern: str, schema: str) -> bool:
        """Whether the name of a schema in a grant, where ``%`` and ``_`` stand for others unless escaped, fits."""
        if self.literal:
            return self.is_same(pattern, schema)
        parts = re.findall(r"\\.|.", pattern, re.DOTALL)
        text = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
        return re.fullmatch(text, schema, re.DOTALL | (re.IGNORECASE if self.folds else 0)) is not None

    def beyond(self, pattern: str, schema: str) -> str | None:
        """Give what stands in a pattern behind the name of ``schema``; None if it does not begin with that."""
        if self.literal:
            return "" if self.is_same(pattern, schema) else None
        spelled = "".join(rf"\\?{re.escape(letter)}" for letter in schema)
        found = re.match(spelled, pattern, re.IGNORECASE if self.folds else 0)
        return pattern[found.end() :] if found else None


def missing_rights(session: Session, schema: str) -> tuple[str, ...]:
    """Give what this account lacks to see all of ``schema``; nothing if it sees all.

    Of ``SELECT``, ``SHOW VIEW``, ``TRIGGER``, ``EVENT``, and a right to know of routines: ``SHOW_ROUTINE`` (MySQL) or
    ``SHOW CREATE ROUTINE`` (MariaDB). Rights of active roles count, rights on single tables do not. In doubt, as where
    several patterns of names give a right and not all do, it lacks it.
    """
    grants = _own(session)
    held = _held(grants, schema, Naming.of(session))
    lacking = [right for right in _READING if not held & {right, *_ALL}]
    return (*lacking, *_lacking_of_routines(grants, held, mysql=_is_mysql(session)))


def has_everywhere(session: Session, right: str) -> bool:
    """Whether this account, or an active role of it, has a right on all databases."""
    given = [grant.rights for grant in _own(session) if grant.place == _EVERYWHERE and not grant.taken]
    return bool(frozenset().union(*given) & {right, *_ALL})


def _own(session: Session) -> list[_Grant]:
    """Read what this account and its active roles may do."""
    role = session.query("SELECT CURRENT_ROLE()")[0][0]
    # MariaDB tells of the active role unasked.
    using = f" FOR CURRENT_USER() USING {role}" if _is_mysql(session) and role and role != "NONE" else ""
    return _grants(row[0] for row in session.query(f"SHOW GRANTS{using}"))


def _lacking_of_routines(grants: list[_Grant], held: frozenset[str], *, mysql: bool) -> tuple[str, ...]:
    places = {_EVERYWHERE} if mysql else {_EVERYWHERE, ("mysql", "*"), ("mysql", "proc")}
    reading = {right for grant in grants if grant.place in places and not grant.taken for right in grant.rights}
    if held & {*_LISTING, *_ALL} or reading & {"SELECT", "SHOW_ROUTINE", *_ALL}:
        return ()
    return ("SHOW_ROUTINE" if mysql else "SHOW CREATE ROUTINE",)


def _grants(lines: Iterable[str]) -> list[_Grant]:
    """Read the lines that speak of schemas and tables; others name roles, routines and proxies."""
    found = []
    for match in filter(None, map(_GRANT.fullmatch, lines)):
        # Rights on columns, as ``SELECT (`a`, `b`)``, are none on what we ask for.
        plain = re.sub(r"[A-Z ]+ \((?:`(?:[^`]|``)*`|[^`)])*\)", "", match["rights"])
        rights = frozenset(word.strip() for word in plain.split(",") if word.strip())
        place = (_plain(match["schema"]), _plain(match["table"]))
        found.append(_Grant(match["verb"] == "REVOKE", rights, place, match["who"]))
    return found


def _held(grants: list[_Grant], schema: str, naming: Naming) -> frozenset[str]:
    """Give the rights on all of a schema."""
    found: frozenset[str] = frozenset()
    for who in {grant.who for grant in grants}:
        theirs = [grant for grant in grants if grant.who == who and grant.place[1] == "*" and not grant.taken]
        found |= frozenset().union(*(grant.rights for grant in theirs if grant.place == _EVERYWHERE))
        fitting = [grant for grant in theirs if grant.place[0] != "*"]
        fitting = [grant for grant in fitting if naming.fits(grant.place[0], schema)]
        exact = [grant for grant in fitting if naming.literal or not re.search(r"(?<!\\)[%_]", grant.place[0])]
        # The server goes by the one that fits best, so a right that one of several gives may be of no use.
        found |= _common([grant.rights for grant in exact or fitting])
    taken = [each.rights for each in grants if each.taken and naming.is_same(each.place[0], schema)]
    return _without(found, frozenset().union(*taken))


def _common(several: list[frozenset[str]]) -> frozenset[str]:
    """Give what is in all of several sets of rights; ``ALL`` has each of them."""
    limited = [rights for rights in several if not rights & _ALL]
    if not limited:
        return several[0] if several else frozenset()
    return limited[0].intersection(*limited[1:])


def _without(held: frozenset[str], taken: frozenset[str]) -> frozenset[str]:
    if not taken:
        return held
    return frozenset() if held & _ALL or taken & _ALL else held - taken


def _is_mysql(session: Session) -> bool:
    return "mariadb" not in str(session.query("SELECT VERSION()")[0][0]).lower()


def _are_names_literal(session: Session) -> bool:
    """Whether MySQL takes ``%`` and ``_`` in grants as they are, as it does where rights can be taken from a part."""
    rows = session.query("SHOW GLOBAL VARIABLES LIKE 'partial_revokes'")
    return bool(rows) and rows[0][1] == "ON"


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
