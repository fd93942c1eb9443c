"""Running a script in a schema that is not live: tables and rows as they come, and what could run afterwards.

Views, triggers, routines and events are held back until every row is there, so that nothing of the script's own ever
runs; then they are made so that events do not run, and taken down as the server has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from deckinfra.errors import DatabaseError, RefusedError

from .definitions import EVENT, OWN_SCHEMA, VIEW, SchemaObject
from .faults import GONE, code_of, translated
from .judging import Act, Verdict, judge
from .names import quoted
from .objects import ObjectSet
from .server import Server, Session, encoding_of
from .statements import PLAIN, Splitter, Statement

SCRIPT_ENDS: Final = (
    "-- Dump completed",
    "/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;",
    "/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;",
)
"""How the last line begins of what the servers' dump tools write to its end, also where they leave out comments."""

LIMIT: Final = 24 * 3600.0
"""Seconds that one statement of a script may take."""

_LOOSE: Final = "ALLOW_INVALID_DATES"
"""Without it, a 30th of February that the source has would become a day 0 without a word."""

_MISREAD: Final = frozenset({"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"})
_HEADER: Final = re.compile(rb"^-- (?:Host: .*? )?\s*Database: (.+?)[ \t\r]*$", re.MULTILINE)
_LOOKED_AT: Final = 4096
_SHOWN: Final = 5
_IGNORED: Final = 1906
"""What MariaDB says of a value for a generated column, which its own dump tool writes."""

_NAME: Final = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`\.?""", re.DOTALL)
_SAFE: Final = "The live database was not touched."


@dataclass
class _State:
    """How the session is set, and what was learnt so far.

    The database that the script is of may be named in its header, or by its statements.
    """

    mode: str = ""
    client: str = ""
    header: str = ""
    schema: str = ""
    notes: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    objects: dict[tuple[str, str], SchemaObject] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """What a script has brought beside tables, and sentences on what of it was left out or not taken as it is."""

    objects: ObjectSet
    notes: tuple[str, ...]


def run_script(server: Server, schema: str, live: str, script: Iterator[bytes]) -> Imported:
    """Run a dump in ``schema``, an empty one; ``live`` is the name that it is to have in the end.

    :class:`RefusedError` names the line of what a dump has no business to do, :class:`DatabaseError` that of what the
    server does not take, :class:`DamagedError` where the script ends within a statement.
    """
    with server.connect(schema, limit=LIMIT) as session:
        state = _Runner(session, schema, live).run(script)
    with server.connect(limit=LIMIT) as session:
        objects = ObjectSet(tuple(state.objects.values()))
        objects.create(session, schema, events=False)
        session.settle()
        found = ObjectSet.of(session, schema)
    statuses = {event.name: event.status for event in objects.of_kind(EVENT)}
    made = (one.with_status(statuses[one.name]) if one.kind == EVENT else one for one in found.objects)
    warned = [f"the server warned of rows: {warning}" for warning in state.warnings]
    return Imported(ObjectSet(tuple(made)), (*state.notes, *warned))


class _Runner:
    """Runs statements by a session of its own, whose default schema is ``schema``."""

    def __init__(self, session: Session, schema: str, live: str) -> None:
        self._session = session
        self._schema = schema
        self._live = live
        self._runs: dict[bytes, bool] = {}
        self._state = _State()

    def run(self, script: Iterator[bytes]) -> _State:
        """Run all of a script but what is held back, or left out."""
        session, state = self._session, self._state
        session.execute("SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0")
        longest = int(session.query("SELECT @@GLOBAL.max_allowed_packet")[0][0])
        self._look()
        first = b""
        while len(first) < _LOOKED_AT and (piece := next(script, b"")):
            first += piece
        if found := _HEADER.search(first[:_LOOKED_AT]):
            state.header = found[1].decode(errors="replace")
        splitter = Splitter(chain((first,), script), longest)
        for statement in splitter.statements():
            self._take(statement)
            splitter.escapes = "NO_BACKSLASH_ESCAPES" not in state.mode
        session.execute("COMMIT")
        return state

    def _take(self, statement: Statement) -> None:
        code = statement.code(self._is_run)
        if not code:
            return
        verdict = judge(code, self._live)
        if verdict.act is Act.REFUSE:
            raise _refused(statement, code, verdict.why)
        if verdict.act is Act.LEAVE and verdict.why:
            self._state.notes[f"left out: {verdict.why}"] = None
        if verdict.act in {Act.LEAVE, Act.DEFAULT} and verdict.name:
            self._enter(statement, code, verdict)
        elif verdict.act is Act.MAKE:
            self._hold_back(statement)
        elif verdict.act in {Act.RUN, Act.FILL, Act.SET}:
            self._run(statement, code, verdict)
        if verdict.charset or verdict.collation:
            self._set_default(verdict)

    def _run(self, statement: Statement, code: bytes, verdict: Verdict) -> None:
        state = self._state
        if verdict.act is not Act.SET:
            modes = set(state.mode.split(","))
            if misread := modes & _MISREAD:
                raise _refused(statement, code, f"tables under the sql_mode {', '.join(sorted(misread))} are not taken")
            if _LOOSE not in modes:
                self._session.execute(f"SET SESSION sql_mode = '{','.join(filter(None, (*modes, _LOOSE)))}'")
                state.mode = ",".join((*modes, _LOOSE))
        self._send(statement, code, verdict)
        if verdict.act is Act.SET:
            self._look()
            if state.client not in PLAIN:
                raise _refused(statement, code, f"statements in the charset '{state.client}' are not taken")

    def _send(self, statement: Statement, code: bytes, verdict: Verdict) -> None:
        session = self._session
        try:
            with translated(session.url), session.connection.cursor() as cursor:
                cursor.execute(code)
                warned = cursor.warning_count
        except DatabaseError as error:
            if code_of(error) in GONE:
                raise
            raise DatabaseError(
                f"line {statement.line:,} ('{_shown(code)}'): {error.message}",
                hint=f"{_SAFE} Is the dump of a server of another kind, or of a newer one? {error.hint}",
            ) from error.__cause__
        if warned and verdict.act is Act.FILL and len(self._state.warnings) < _SHOWN:
            for level, number, text in session.query("SHOW WARNINGS"):
                if level != "Note" and number != _IGNORED and len(self._state.warnings) < _SHOWN:
                    self._state.warnings[f"{text} ({number}, line {statement.line:,})"] = None

    def _look(self) -> None:
        """See how the session is set now."""
        row = self._session.query("SELECT @@SESSION.sql_mode, @@SESSION.character_set_client")[0]
        self._state.mode, self._state.client = row

    def _enter(self, statement: Statement, code: bytes, verdict: Verdict) -> None:
        """Take note of the database that the script is of; there may be one."""
        state = self._state
        if not state.schema:
            state.schema = verdict.name
        elif state.schema != verdict.name:
            raise _refused(
                statement, code, f"the script is of several databases, '{state.schema}' and '{verdict.name}'"
            )

    def _set_default(self, verdict: Verdict) -> None:
        charset = f" CHARACTER SET {verdict.charset}" if verdict.charset else ""
        collation = f" COLLATE {verdict.collation}" if verdict.collation else ""
        self._session.execute(f"ALTER DATABASE {quoted(self._schema)}{charset}{collation}")

    def _hold_back(self, statement: Statement) -> None:
        code = statement.code(self._is_run, comments=True)
        verdict = judge(code, self._live)
        if verdict.act is not Act.MAKE:
            raise _refused(statement, code, "there is a comment in how it begins")
        mode, client, connection, collation, zone = self._session.query(
            "SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.collation_connection, "
            "@@SESSION.collation_database, @@SESSION.time_zone"
        )[0]
        try:
            text = code.decode(encoding_of(client))
        except UnicodeDecodeError:
            raise _refused(statement, code, f"it holds what is no text in its charset, '{client}'") from None
        if verdict.kind == VIEW:
            text = self._of_own_schema(text)
        made = (mode, client, connection, collation if verdict.kind != VIEW else "", zone)
        self._state.objects[verdict.kind, verdict.name] = SchemaObject(verdict.kind, verdict.name, text, "", *made)

    def _of_own_schema(self, text: str) -> str:
        """Put the stand-in where a view names the schema that it was in, or is to be in."""
        own = {f"{quoted(name)}." for name in (self._state.header, self._state.schema, self._live)}
        return _NAME.sub(lambda token: OWN_SCHEMA if token[0] in own else token[0], text)

    def _is_run(self, prefix: bytes) -> bool:
        """Ask the server whether it reads what stands in such a comment."""
        if prefix not in self._runs:
            asked = f"SELECT 1 {prefix.decode()} + 1 */"
            self._runs[prefix] = bool(self._session.query(asked)[0][0] == 2)
        return self._runs[prefix]


def _refused(statement: Statement, code: bytes, why: str) -> RefusedError:
    return RefusedError(
        f"line {statement.line:,} is not run ('{_shown(code)}'): {why}",
        hint=f"{_SAFE} What is imported is the tables, rows, views, triggers, routines and events of one database, as "
        "mysqldump, mariadb-dump and db.export write them.",
    )


def _shown(code: bytes) -> str:
    """Give how a statement begins, up to what could be data."""
    words = code[:200].decode(errors="replace").split("'")[0].split()
    text = " ".join(words[:8])
    return f"{text[:80]} ..." if len(text) > 80 or len(words) > 8 else text
