"""The statements that a project's revisions would run on a server, recorded without one.

Alembic's offline mode writes text to be read; here each statement is kept as what it is, so that nothing
in a value is lost (Alembic turns tabs into spaces) and indexes can be told from tables.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deckinfra.errors import DeckinfraError, MigrationError
from deckinfra.migrations.execution import run_environment
from deckinfra.migrations.revisions import Revisions, identity
from deckinfra.ports import VERSION_TABLE

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Dialect

_QUOTED: Final = re.compile(r"""('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`)""", re.DOTALL)
_HINT: Final = (
    "No file was written. A revision that is to be written as SQL neither reads the database nor passes parameters "
    "beside a statement: use Alembic's operations, as op.bulk_insert."
)


@dataclass(frozen=True)
class Statement:
    """One statement of a revision, without a semicolon at its end.

    ``creates`` is the table that it makes, ``references`` those to which that one has foreign keys, ``indexes`` the
    table for which it makes an index, ``modifies`` the one of which it gives a column another type; all are empty for
    any other statement.
    """

    revision: str
    sql: str
    creates: str = ""
    references: frozenset[str] = frozenset()
    indexes: str = ""
    modifies: str = ""


@dataclass(frozen=True)
class Recording:
    """What all revisions run on one kind of server, in order, and the statement that makes the version table."""

    statements: tuple[Statement, ...]
    version_table: str


def record(revisions: Revisions, server: str) -> Recording:
    """Record every revision up to the newest for ``server``: ``mysql`` or ``mariadb``.

    What only a running server tells is not known: SQL is as for the newest server that SQLAlchemy takes without
    asking. Raises :class:`MigrationError` naming a revision that cannot be recorded.
    """
    steps = revisions.plan_up("head", ())
    if not steps:
        raise MigrationError(
            f"there are no revisions in {revisions.folder}",
            hint="No file was written. `invoke db.revision` writes the first.",
        )
    recorder = _Recorder(server, steps)
    try:
        sink = io.StringIO()
        plan, connection = recorder.plan, recorder.connection
        run_environment(revisions, connection, plan, lambda **_: None, as_sql=True, output_buffer=sink)
    except DeckinfraError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise MigrationError(
            f"revision {recorder.revision} cannot be written as SQL for {server}: {text}", hint=_HINT
        ) from error
    return Recording(tuple(recorder.statements), recorder.version_table)


class _Recorder:
    """Stands where Alembic would run statements."""

    def __init__(self, server: str, steps: Sequence[RevisionStep]) -> None:
        from sqlalchemy.engine.mock import MockConnection

        self.statements: list[Statement] = []
        self.version_table = ""
        self.revision = identity(steps[0])
        self._dialect = _dialect(server)
        self._steps = steps
        self.connection: Any = MockConnection(self._dialect, self._execute)

    def plan(self, heads: Sequence[str], context: MigrationContext) -> Iterator[RevisionStep]:
        """Take the place of what runs statements, then give each step."""
        impl: Any = context.impl
        impl._exec = self._record
        # What a revision reaches by op.get_bind(): Alembic's would drop the parameters of a statement.
        impl.connection = context.connection = self.connection
        for step in self._steps:
            self.revision = identity(step)
            yield step

    def _execute(self, construct: Any, parameters: object = None) -> None:
        from sqlalchemy.sql.selectable import SelectBase

        if isinstance(construct, SelectBase):
            raise MigrationError(f"revision {self.revision} reads the database", hint=_HINT)
        self._record(construct, many=parameters)

    def _record(self, construct: Any, options: object = None, many: object = None, one: object = None) -> None:
        from alembic.ddl.mysql import MySQLModifyColumn
        from sqlalchemy import text
        from sqlalchemy.schema import CreateIndex, CreateTable

        if many or one:
            raise MigrationError(f"revision {self.revision} passes parameters beside a statement", hint=_HINT)
        if isinstance(construct, str):
            construct = text(construct)
        sql = self._text(construct)
        if isinstance(construct, CreateTable):
            table = construct.element
            if table.name == VERSION_TABLE:
                self.version_table = sql
                return
            references = frozenset(key.target_fullname.rpartition(".")[0] for key in table.foreign_keys)
            self._add(sql, creates=str(table.name), references=references - {str(table.name)})
        elif isinstance(construct, CreateIndex):
            assert construct.element.table is not None
            self._add(sql, indexes=str(construct.element.table.name))
        elif isinstance(construct, MySQLModifyColumn) and not construct.autoincrement:
            # A column that counts by itself is no such: the server wants its index to be there first.
            self._add(sql, modifies=construct.table_name)
        elif getattr(getattr(construct, "table", None), "name", "") != VERSION_TABLE:
            self._add(sql)

    def _add(self, sql: str, **facts: Any) -> None:
        self.statements.append(Statement(self.revision, sql, **facts))

    def _text(self, construct: Any) -> str:
        from sqlalchemy.sql.ddl import BaseDDLElement

        if isinstance(construct, BaseDDLElement):
            return _tidy(str(construct.compile(dialect=self._dialect)).strip())
        # SQLAlchemy would write NULL for a parameter that has no value.
        unset = [name for name, bind in construct.compile(dialect=self._dialect).binds.items() if bind.required]
        if unset:
            raise MigrationError(
                f"revision {self.revision} has a statement with a parameter and no value for it: :{unset[0]}",
                hint=_HINT + " A colon that is none is written \\\\:.",
            )
        return str(construct.compile(dialect=self._dialect, compile_kwargs={"literal_binds": True})).strip()


def _dialect(server: str) -> Dialect:
    from sqlalchemy import URL

    # The usual style of parameters of these drivers would double each percent sign.
    dialect: Callable[..., Dialect] = URL.create(f"{server}+pymysql").get_dialect()
    return dialect(paramstyle="named")


def _tidy(sql: str) -> str:
    """Take white space off the ends of lines, and tabs out, but for what is quoted."""
    parts = _QUOTED.split(sql)
    parts[::2] = (re.sub(r"[ \t]+\n", "\n", part).replace("\t", "    ") for part in parts[::2])
    return "".join(parts)
