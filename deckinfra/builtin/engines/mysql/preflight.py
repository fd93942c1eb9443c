"""What a restore needs of a server, looked at before a row is loaded: all that is lacking is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from deckinfra.core.command import Command
from deckinfra.core.documents import field_of
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, DeckinfraError
from deckinfra.mysql import ObjectSet, Scratch, Server, Session, unlogged
from deckinfra.mysql.definitions import SchemaObject, account
from deckinfra.mysql.heirs import absent, heir_of
from deckinfra.mysql.names import qualified
from deckinfra.mysql.rights import has_everywhere
from deckinfra.ports import DatabaseTools, Need

from .accounts import Account
from .holders import is_there
from .loading import takes_local_files
from .parallel import patiently
from .shape import Shape

_WHAT: Final = "the snapshot"
_MIB: Final = 1024**2
_LIMIT: Final = 20.0
_LIVE_TABLES: Final = (
    "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'"
)
_LIVE_TRIGGERS: Final = "SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s LIMIT 1"
_TRIED: Final = (
    ("CREATE", "CREATE TABLE {probe} (n INT PRIMARY KEY) ENGINE = InnoDB"),
    ("INSERT", "INSERT INTO {probe} VALUES (1)"),
    ("SELECT", "SELECT n FROM {probe}"),
    ("ALTER", "ALTER TABLE {probe} ADD COLUMN m INT, ADD KEY m (m)"),
    ("REFERENCES", "ALTER TABLE {probe} ADD CONSTRAINT `deckinfra~probe` FOREIGN KEY (m) REFERENCES {probe} (n)"),
    ("TRIGGER", "CREATE TRIGGER {trigger} BEFORE INSERT ON {probe} FOR EACH ROW SET NEW.m = 1"),
    ("CREATE VIEW", "CREATE VIEW {view} AS SELECT 1 AS n"),
    ("CREATE ROUTINE", "CREATE PROCEDURE {view}() SELECT 1"),
    ("EVENT", "CREATE EVENT {view} ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"),
    ("DROP", "DROP TABLE IF EXISTS {probe}"),
    ("DROP", "DROP VIEW IF EXISTS {view}"),
    ("ALTER ROUTINE", "DROP PROCEDURE IF EXISTS {view}"),
    ("EVENT", "DROP EVENT IF EXISTS {view}"),
)
"""What a restore does, and the right for it. The last leave nothing of it."""


class Preflight:
    """Looks at the server of a restore into ``scratch``. ``heir`` is the application's URL, ``tools`` its tools."""

    def __init__(
        self, server: Server, scratch: Scratch, heir: DatabaseURL, tools: Callable[[], DatabaseTools] | None
    ) -> None:
        self._server = server
        self._scratch = scratch
        self._heir = heir
        self._tools = tools

    def needs(
        self,
        size: int,
        shapes: Sequence[Shape],
        objects: ObjectSet,
        accounts: Sequence[Account] = (),
        *,
        is_all: bool = True,
    ) -> Iterator[Need]:
        """Give what these tables and what stands on them need, on a server that :meth:`misfits` lets pass.

        ``size`` is how many bytes they took on the server's disk; ``accounts`` are made where they are not there.
        Unless it ``is_all``, the other tables that are live stay, and nothing is needed for them.
        """
        with self._server.connect() as session:
            yield from self._space(session, size)
            rights = list(_rights(session, self._scratch.name))
            yield from rights
            yield from _engines(session, shapes)
            if self._server.vendor == "mysql":
                yield from _mixed_lock(session, self._heir.database, shapes, objects, is_all=is_all)
            yield from _names(session, [shape.name for shape in shapes])
            if not takes_local_files(session):
                yield Need("longer than it could", hint="rows go by INSERT: SET GLOBAL local_infile = 1 changes that")
            if not rights:
                yield from self._definers(session, objects.objects, {each.name for each in accounts})
            if accounts:
                yield from self._accounts(session, accounts)

    def misfits(self, details: Mapping[str, Any]) -> Iterator[Need]:
        """Give what is lacking where the snapshot is of another vendor's server, or of a newer one."""
        vendor, version = field_of(details, "vendor", str, _WHAT), field_of(details, "version", str, _WHAT)
        server = self._server
        if vendor != server.vendor:
            yield Need(
                f"a server of {vendor}",
                f"{server.url} is on one of {server.vendor}",
                "The SQL of the one is not the other's: restore into a server of its kind.",
            )
        elif _series(version) > server.version_number[:2]:
            yield Need(
                f"a server {version}",
                f"{server.url} is on an older one, {server.version}",
                "Restore it into a server of that version or a later one.",
            )

    def _space(self, session: Session, size: int) -> Iterator[Need]:
        what, free = f"about {_mebibytes(size)} on the server's disk", self._free(session)
        if free is None:
            yield Need(f"{what}, beside the live database", hint="the server does not tell how much is free")
        elif free < size:
            yield Need(
                what, f"{_mebibytes(free)} are free there", "Make room there: 'invoke db.kept' lists what may go."
            )
        else:
            yield Need(f"{what}, where {_mebibytes(free)} are free")

    def _free(self, session: Session) -> int | None:
        """Ask where the database's tools run, if that is where the server is."""
        if self._tools is None:
            return None
        host, folder = session.query("SELECT @@hostname, @@datadir")[0]
        command = Command(("sh", "-c", 'uname -n && df -Pk -- "$1"', "sh", folder), _LIMIT)
        try:
            done = self._tools().executor.run(command)
        except DeckinfraError:
            return None
        lines = done.stdout.decode(errors="replace").splitlines()
        found = re.match(r".*?\s\d+\s+\d+\s+(\d+)\s+\d+%\s", lines[-1]) if done.ok and lines else None
        return int(found[1]) * 1024 if found and lines[0] == host else None

    def _accounts(self, session: Session, accounts: Sequence[Account]) -> Iterator[Need]:
        gone = [each.name for each in accounts if not is_there(session, each.name)]
        if gone and not has_everywhere(session, "CREATE USER"):
            yield Need(
                f"the right CREATE USER, to make {', '.join(gone)}",
                f"the account {session.url.username} lacks it",
                "Grant it that ON *.*, or make these accounts and leave --accounts out.",
            )

    def _definers(self, session: Session, objects: Sequence[SchemaObject], coming: Collection[str]) -> Iterator[Need]:
        objects = [each for each in objects if each.definer not in coming]
        gone = absent(session, self._scratch.name, ObjectSet(tuple(objects)))
        heir = heir_of(self._heir) if gone else None
        for definer in gone:
            theirs = ", ".join(str(each) for each in objects if each.definer == definer)
            if heir:
                yield Need(f"the account {definer}, which is not there", hint=f"{theirs} will belong to {heir}")
            else:
                yield Need(
                    f"the account {definer} for {theirs}",
                    "there is no such one, nor can the application's account log in, which could have them",
                    f"Run CREATE USER {account(definer)} ACCOUNT LOCK with the rights they need, or restore with "
                    "--accounts a snapshot that was taken with them.",
                )


def _rights(session: Session, schema: str) -> Iterator[Need]:
    """Try what a restore does, in a schema that nobody uses."""
    place = {name: qualified(schema, f"deckinfra~{name}") for name in ("probe", "trigger", "view")}
    lacking: dict[str, str] = {}
    for right, statement in _TRIED:
        try:
            patiently(partial(session.execute, statement.format(**place)))
        except DatabaseError as error:
            lacking.setdefault(right, error.message)
            if right == "CREATE":
                break
    if lacking:
        first = next(iter(lacking.values()))
        yield Need(
            "the rights to make and fill tables and what stands on them",
            f"the account {session.url.username} lacks {', '.join(lacking)} ({first})",
            "Grant it these on the database and on what is beside it.",
        )


def _engines(session: Session, shapes: Sequence[Shape]) -> Iterator[Need]:
    there = {name.lower() for name, support, *_ in session.query("SHOW ENGINES") if support in {"YES", "DEFAULT"}}
    for engine in sorted({shape.engine for shape in shapes if shape.engine} - {"MRG_MYISAM", "FEDERATED"}):
        if engine.lower() not in there:
            tables = ", ".join(shape.name for shape in shapes if shape.engine == engine)
            yield Need(f"the storage engine {engine} for {tables}", "the server has none of that name switched on")


def _mixed_lock(
    session: Session, live: str, shapes: Sequence[Shape], objects: ObjectSet, *, is_all: bool
) -> Iterator[Need]:
    """Where there are triggers, all tables that change places are locked; see :mod:`deckinfra.mysql.cutover`."""
    if not objects.triggers and not session.query(_LIVE_TRIGGERS, live):
        return
    ((enforced,),) = session.query("SELECT @@enforce_gtid_consistency")
    transactional = {name for name, _, _, transactions, *_ in session.query("SHOW ENGINES") if transactions == "YES"}
    names = {(shape.name, shape.engine) for shape in shapes}
    if is_all:
        names |= set(session.query(_LIVE_TABLES, live))
    plain = sorted({name for name, engine in names if engine and engine not in transactional})
    if str(enforced).upper() != "ON" or not plain:
        return
    try:
        with unlogged(session):
            pass
    except DatabaseError as error:
        yield Need(
            f"the right SESSION_VARIABLES_ADMIN: where there are triggers and tables without transactions "
            f"({', '.join(plain)}), and GTID consistency is enforced, only who may turn the log off can lock them all",
            f"the account {session.url.username} lacks it ({error.message})",
            "Grant it that ON *.*, or run ALTER TABLE ... ENGINE = InnoDB and take another backup.",
        )


def _names(session: Session, names: Sequence[str]) -> Iterator[Need]:
    """On servers that fold the case of names, tables are called otherwise; two may even become one."""
    folded = [name for name in names if name != name.lower()]
    if folded and int(session.query("SELECT @@lower_case_table_names")[0][0]) == 1:
        yield Need(
            f"names of tables with capital letters ({', '.join(folded[:5])})",
            "the server writes them all in small ones",
            "Restore into a server with lower_case_table_names = 0.",
        )


def _series(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _mebibytes(size: int) -> str:
    return f"{max(1, round(size / _MIB)):,} MiB"
