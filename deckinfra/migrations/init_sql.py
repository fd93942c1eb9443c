"""A project's revisions and seeds as SQL files, for the init folder of the official MySQL and MariaDB images.

A server that ran them is at the newest revision, and the migrations carry on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Final

from deckinfra.errors import MigrationError
from deckinfra.migrations.planting import Cell, Default, Planted, planted
from deckinfra.migrations.recording import Recording, Statement, record
from deckinfra.migrations.revisions import Revisions
from deckinfra.ports import VERSION_TABLE, Seed

ROWS: Final = 200
"""Rows in one INSERT: few enough for any server's limit of a packet."""

_HEADER: Final = """\
-- {title}
-- Made by `invoke db.init-sql` from the migrations up to revision {head}: edits here are lost.

SET NAMES utf8mb4;
"""
_NOTHING: Final = "DO 0"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "''", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})
_DELIMITERS: Final = ("$$", "//", "%%", "@@@")


def init_files(folder: Path, seeds: Sequence[Seed]) -> dict[str, str]:
    """Give the files, name → SQL, that make an empty database what the revisions in ``folder`` and ``seeds`` make it.

    They run in the order of their names, with the database selected, on MySQL from 8.0 and on MariaDB; what the two
    want differently is marked for each. The same revisions and seeds give the same text. Raises
    :class:`MigrationError` for a revision that cannot be written as SQL.
    """
    revisions = Revisions(folder)
    mysql, mariadb = (record(revisions, server) for server in ("mysql", "mariadb"))
    (head,) = revisions.heads
    tables, indexes = _split(list(_common(mysql, mariadb)))
    titles = {name: " ".join(script.doc.split()) for name, script in revisions.all.items()}
    stamp = _inserts(Planted(VERSION_TABLE, ("version_num",), ((head,),)))
    stamped = ["-- The migrations carry on from here.", *map(_ended, (mysql.version_table, *stamp))]
    examples = [_ended(statement) for found in planted(folder, seeds) for statement in _inserts(found)]
    return {
        "01-schema.sql": _file(
            "The schema: tables, and whatever else the revisions make.", head, _told(tables, titles)
        ),
        "02-indexes.sql": _file("The indexes that can be made last.", head, [*_told(indexes, titles), *stamped]),
        "03-seed-data.sql": _file("Example data for development: not for production.", head, examples),
    }


def _common(mysql: Recording, mariadb: Recording) -> Iterator[Statement]:
    """Give what both servers run; where a revision differs, one statement holds what is for each of them alone.

    MariaDB leaves out what is for MySQL from 5.7, and for MySQL, MariaDB's own form is a comment:
    https://mariadb.com/kb/en/comment-syntax. A statement that were all comment would be refused as an empty one.
    """
    groups = [{name: list(group) for name, group in groupby(each.statements, _revision)} for each in (mysql, mariadb)]
    for name in dict.fromkeys(_revision(each) for each in (*mysql.statements, *mariadb.statements)):
        for one, other in zip_longest(*(group.get(name, []) for group in groups), fillvalue=Statement(name, _NOTHING)):
            yield one if one == other else _either(one, other)


def _either(mysql: Statement, mariadb: Statement) -> Statement:
    if "*/" in mysql.sql + mariadb.sql:
        raise MigrationError(
            f"revision {mysql.revision} has a comment in what MySQL and MariaDB want differently",
            hint="No file was written. Take the comment out of the statement.",
        )
    return Statement(mysql.revision, f"/*!80000 {mysql.sql} */ /*M! {mariadb.sql} */")


def _revision(statement: Statement) -> str:
    return statement.revision


def _split(statements: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Part the indexes that can be made after everything else from the rest; the order in each stays.

    That is so unless what comes later may need one: a foreign key to its table, or anything but a new table or index
    and another type of a column.
    """
    earlier: list[Statement] = []
    last: list[Statement] = []
    needed: set[str] = set()
    for position in range(len(statements) - 1, -1, -1):
        statement = statements[position]
        if not (statement.creates or statement.indexes or statement.modifies):
            return [*statements[: position + 1], *reversed(earlier)], last[::-1]
        if statement.indexes and statement.indexes not in needed:
            last.append(statement)
        else:
            earlier.append(statement)
        needed |= statement.references
    return earlier[::-1], last[::-1]


def _file(title: str, head: str, parts: Iterable[str]) -> str:
    return "\n".join([_HEADER.format(title=title, head=head), *(f"{part}\n" for part in parts)])


def _told(statements: Iterable[Statement], titles: dict[str, str]) -> Iterator[str]:
    for revision, group in groupby(statements, _revision):
        yield f"-- Revision {revision}: {titles[revision]}"
        yield from (_ended(statement.sql) for statement in group)


def _ended(sql: str) -> str:
    """End a statement for the command-line client; one that has semicolons in it gets a delimiter of its own."""
    if ";" not in sql:
        return f"{sql};"
    delimiter = next(each for each in _DELIMITERS if each not in sql)
    return f"DELIMITER {delimiter}\n{sql}{delimiter}\nDELIMITER ;"


def _inserts(found: Planted) -> Iterator[str]:
    columns = ", ".join(map(_name, found.columns))
    for start in range(0, len(found.rows), ROWS):
        rows = found.rows[start : start + ROWS]
        values = ",\n".join(f"    ({', '.join(map(_literal, row))})" for row in rows)
        yield f"INSERT INTO {_name(found.table)} ({columns}) VALUES\n{values}"


def _name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _literal(value: Cell) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, Default):
        return "DEFAULT"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return f"'{value.translate(_ESCAPES)}'"
    return repr(value)
