"""A restored schema beside the live one, loaded by the server's own client."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.core.manifest import Facts
from deckinfra.errors import DamagedError, DatabaseError, RefusedError, TimeLimitError
from deckinfra.mysql import ObjectSet, Scratch, Server
from deckinfra.mysql.faults import ACCESS_DENIED, code_of
from deckinfra.mysql.names import quoted
from deckinfra.ports import SnapshotReader

from .sections import HEAD
from .snapshot import OBJECTS, by_rows_in, found_in, objects_in, packet_for
from .tools import LIMIT, Tools

_WORD: Final = re.compile(r"\w+\Z", re.ASCII)
_MODE: Final = b"SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n"
"""The mode that a dump asks for, and more: without it, a 30th of February would become a day 0 without a word."""

_PERMISSIVE: Final = {
    "mysql": (
        "innodb_strict_mode",
        "restrict_fk_on_non_standard_key",
        "sql_require_primary_key",
        "sql_generate_invisible_primary_key",
    ),
    "mariadb": ("innodb_strict_mode", "check_constraint_checks", "max_statement_time"),
}
"""What is set to 0 for a load: else what a server took once, or under other settings, it would refuse or change."""

_NO_SUCH_VARIABLE: Final = 1193
_FULL: Final = frozenset({"3", "28", "1021", "1030", "1114"})
_WHAT: Final = "the snapshot"


class ClientShadow:
    """Implements :class:`deckinfra.ports.Shadow` over a schema that is not live."""

    def __init__(self, server: Server, tools: Tools, scratch: Scratch) -> None:
        self._server = server
        self._tools = tools
        self.scratch = scratch
        self.url = server.url.with_database(scratch.name)
        self.objects = ObjectSet()
        self._by_rows: Mapping[str, Collection[str]] = {}

    def load(self, source: SnapshotReader) -> None:
        """Feed the dump to the client, then make views, triggers, routines and events around the tables.

        The events are made so that they do not run. A snapshot of another vendor's server, or of a newer one, is a
        :class:`RefusedError`; what the server will not take is a :class:`DatabaseError` with its words.
        """
        self._refuse_misfit(source.details)
        self._by_rows = by_rows_in(source.details)
        self._set_default(source.details)
        self._feed(source)
        self.objects = objects_in(source)
        with self._server.connect() as session:
            self.objects.create(session, self.scratch.name, events=False)

    def facts(self) -> Sequence[Facts]:
        """Dump the schema with the tool and the options of a snapshot, and give what that tells.

        Reading every row of every table also has the server check its pages. The dump tools check no foreign keys:
        rows that broke one in the source break it here, too.
        """
        return found_in(self._server, self.scratch.name, self._tools, self._by_rows, self.objects)

    def _refuse_misfit(self, details: Any) -> None:
        vendor, version = field_of(details, "vendor", str, _WHAT), field_of(details, "version", str, _WHAT)
        server = self._server
        if vendor != server.vendor:
            raise RefusedError(
                f"the snapshot is of a server of {vendor}, and {server.url} is on one of {server.vendor}",
                hint="Nothing was changed. The SQL of the one is not the other's: restore into a server of its kind.",
            )
        if _series(version) > server.version_number[:2]:
            raise RefusedError(
                f"the snapshot is of a server {version}, and {server.url} is on an older one, {server.version}",
                hint="Nothing was changed. Restore it into a server of that version or a later one.",
            )
        longest = details.get("longest_statement", 0)
        with server.connect() as session:
            allowed = int(session.query("SELECT @@GLOBAL.max_allowed_packet")[0][0])
        if packet_for(longest) > allowed and longest:
            raise RefusedError(
                f"the snapshot has a row of {longest:,} bytes, and the server of {server.url} takes up to {allowed:,}",
                hint=f"Nothing was changed. Run SET GLOBAL max_allowed_packet = {packet_for(longest)} there first.",
            )

    def _set_default(self, details: Any) -> None:
        charset, collation = field_of(details, "charset", str, _WHAT), field_of(details, "collation", str, _WHAT)
        if not _WORD.match(charset) or not _WORD.match(collation):
            raise DamagedError(f"{_WHAT} names no charset that there is")
        with self._server.connect() as session:
            session.execute(f"ALTER DATABASE {quoted(self.scratch.name)} CHARACTER SET {charset} COLLATE {collation}")

    def _feed(self, source: SnapshotReader) -> None:
        tools = self._tools
        name, where = tools.client_name, tools.given.executor
        try:
            done = where.run(tools.load(self.scratch.name), stdin=tools.feed(_dump(source, self._settings())))
        except TimeLimitError as error:
            raise TimeLimitError(
                f"'{name}' on {where} had not loaded the snapshot within {LIMIT / 3600:g} h",
                hint="It was ended. The live database was not touched.",
            ) from error
        if not done.ok:
            said = tools.complaint(done.stderr) or f"it ended with exit code {done.returncode} and gave no reason"
            raise DatabaseError(
                f"'{name}' on {where} could not load the snapshot: {said}",
                hint=f"The live database was not touched. {_advice(said)}",
            )

    def _settings(self) -> bytes:
        """Give the statements that make the server take what it took once, as far as it has such, and as we may."""
        lines = [_MODE]
        with self._server.connect() as session:
            for name in _PERMISSIVE[self._server.vendor]:
                statement = f"SET SESSION {name} = 0"
                try:
                    session.execute(statement)
                except DatabaseError as error:
                    if code_of(error) not in (*ACCESS_DENIED, _NO_SUCH_VARIABLE):
                        raise
                else:
                    lines.append(f"{statement};\n".encode())
        return b"".join(lines)


def _series(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _advice(said: str) -> str:
    code = re.search(r"ERROR (\d+)", said)
    if code is None:
        return "Was the client ended from outside, or its container? Then run it again; else look at the server's log."
    if code[1] in _FULL:
        return "Make room on the server's disk, then run it again."
    return "Look at what it said: the server does not take what is in the snapshot at that line."


def _dump(source: SnapshotReader, settings: bytes) -> Iterator[bytes]:
    """Give the dump as the tool wrote it, with our settings after its head, and the end of the last transaction."""
    for part in source.parts:
        if part.facts.kind != OBJECTS:
            yield from source.read(part)
        if (part.facts.kind, part.facts.name) == (HEAD.kind, HEAD.name):
            yield settings
    yield b"\nCOMMIT;\n"
