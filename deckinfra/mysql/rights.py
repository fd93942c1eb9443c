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


def missing_rights(session: Session, schema: str) -> tuple[str, ...]:
    """Give what this account lacks to see all of ``schema``; nothing if it sees all.

    Of ``SELECT``, ``SHOW VIEW``, ``TRIGGER``, ``EVENT``, and a right to know of routines: ``SHOW_ROUTINE`` (MySQL) or
    ``SHOW CREATE ROUTINE`` (MariaDB). Rights of active roles count, rights on single tables do not. In doubt, as where
    several patterns of names give a right and not all do, it lacks it.
    """
    version, folds, role = session.query("SELECT VERSION(), @@lower_case_table_names, CURRENT_ROLE()")[0]
    mysql = "mariadb" not in version.lower()
    # MariaDB tells of the active role unasked.
    using = f" FOR CURRENT_USER() USING {role}" if mysql and role and role != "NONE" else ""
    grants = _grants(row[0] for row in session.query(f"SHOW GRANTS{using}"))
    literal = mysql and _are_names_literal(session)
    held = _held(grants, schema, literal=literal, folds=bool(folds))
    lacking = [right for right in _READING if not held & {right, *_ALL}]
    return (*lacking, *_lacking_of_routines(grants, held, mysql=mysql))


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


def _held(grants: list[_Grant], schema: str, *, literal: bool, folds: bool) -> frozenset[str]:
    """Give the rights on all of a schema."""
    found: frozenset[str] = frozenset()
    for who in {grant.who for grant in grants}:
        theirs = [grant for grant in grants if grant.who == who and grant.place[1] == "*" and not grant.taken]
        found |= frozenset().union(*(grant.rights for grant in theirs if grant.place == _EVERYWHERE))
        fitting = [grant for grant in theirs if grant.place[0] != "*"]
        fitting = [grant for grant in fitting if _fits(grant.place[0], schema, literal=literal, folds=folds)]
        exact = [grant for grant in fitting if literal or not re.search(r"(?<!\\)[%_]", grant.place[0])]
        # The server goes by the one that fits best, so a right that one of several gives may be of no use.
        found |= _common([grant.rights for grant in exact or fitting])
    taken = [each.rights for each in grants if each.taken and _fits(each.place[0], schema, literal=True, folds=folds)]
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


def _fits(pattern: str, schema: str, *, literal: bool, folds: bool) -> bool:
    """Whether the name of a schema in a grant, where ``%`` and ``_`` stand for others unless escaped, means this."""
    if literal:
        text = re.escape(pattern)
    else:
        parts = re.findall(r"\\.|.", pattern, re.DOTALL)
        text = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(text, schema, re.DOTALL | (re.IGNORECASE if folds else 0)) is not None


def _are_names_literal(session: Session) -> bool:
    """Whether MySQL takes ``%`` and ``_`` in grants as they are, as it does where rights can be taken from a part."""
    rows = session.query("SHOW GLOBAL VARIABLES LIKE 'partial_revokes'")
    return bool(rows) and rows[0][1] == "ON"


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
