"""Smoke queries: what a restored database is asked, so that it is known to hold data that is right."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError
from deckinfra.migrations.connection import ASK, connect
from deckinfra.migrations.faults import is_outside, is_read_only, reason
from deckinfra.migrations.revisions import Revisions
from deckinfra.ports import SmokeQuery

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.manifest import Manifest

FOLDER: Final = Path("database", "smoke")
"""Where a project keeps smoke queries as files, ``NAME.sql``."""

EXPECTS_ROWS: Final = "-- expects rows"
"""The first line of a file whose query is to give at least one row."""

_LOCK_WAIT: Final = 30.0
_SHOWN: Final = 5
_LONGEST: Final = 60
_STREAMED: Final = {"stream_results": True, "no_parameters": True}


@dataclass(frozen=True)
class Finding:
    """What a query found: ``problem`` is empty where all is well. ``rows`` are the first of those that are wrong.

    These are for whoever looks now; a problem has none of the data in it, and can be kept.
    """

    query: str
    problem: str = ""
    rows: tuple[str, ...] = ()


def queries_of(project: App) -> tuple[SmokeQuery, ...]:
    """Give the plugins' queries and those of the project's files; :class:`ConfigurationError` if two have one name."""
    found: dict[str, SmokeQuery] = {}
    for query in (*project.plugins.smoke_queries(), *_files(project.root / FOLDER)):
        if query.name in found:
            raise ConfigurationError(
                f"two smoke queries are called '{query.name}': a plugin's, and {FOLDER / query.name}.sql",
                hint="Nothing was done. Rename the file.",
            )
        found[query.name] = query
    return tuple(found.values())


def queries_for(project: App, manifest: Manifest) -> tuple[SmokeQuery, ...]:
    """Give what a snapshot is to be asked: nothing, and a note says so, where the queries are not written for it.

    That is where its schema is not the one of this code, or the rows of some tables were left out of it.
    """
    queries = queries_of(project)
    heads = Revisions(project.config.migrations).heads if queries else ()
    if heads and set(heads) != set(manifest.revisions):
        why = f"is at {', '.join(manifest.revisions) or 'no revision'}, and they are for {', '.join(heads)}"
    elif queries and manifest.details.get("without_rows"):
        why = "is without the rows of some tables"
    else:
        return queries
    project.reporter.note(f"smoke queries are not asked: snapshot {manifest.id} {why}")
    return ()


def fitting(queries: Sequence[SmokeQuery], dialect: str) -> tuple[tuple[SmokeQuery, str], ...]:
    """Give the queries that databases of a dialect can be asked, each with its words."""
    found = ((query, _words(query, dialect)) for query in queries)
    return tuple((query, words) for query, words in found if words is not None)


def ask(url: DatabaseURL, query: SmokeQuery, words: str) -> Finding:
    """Ask the database at ``url``, where nothing can be changed by it, and judge what it says.

    A query that the database refuses, or that takes too long, is a problem as well. :class:`DatabaseError` where
    the database is what fails.
    """
    began, number = time.monotonic(), 0
    first: list[str] = []
    try:
        with connect(url, ASK, wait=_LOCK_WAIT, limit=query.timeout) as connection:
            result = connection.execution_options(**_STREAMED).exec_driver_sql(words)
            if not result.returns_rows:
                return Finding(query.name, f"smoke query '{query.name}' gives no rows to look at: it is no SELECT")
            for row in result:
                number += 1
                if len(first) < _SHOWN:
                    first.append(_shown(row))
    except DatabaseError as error:
        cause = error.__cause__ or error
        if time.monotonic() - began >= query.timeout:
            said = f"did not end within {query.timeout:g} s"
        elif isinstance(cause, Exception) and is_outside(cause) and not is_read_only(cause):
            raise
        else:
            said = f"could not be run: {reason(cause, url)}"
        return Finding(query.name, f"smoke query '{query.name}' {said}", tuple(first))
    if query.expects_rows:
        return Finding(query.name, "" if number else f"smoke query '{query.name}' gives no row, and should give some")
    if not number:
        return Finding(query.name)
    gives = "1 row that is" if number == 1 else f"{number:,} rows that are"
    return Finding(query.name, f"smoke query '{query.name}' gives {gives} wrong", tuple(first))


def _files(folder: Path) -> Iterator[SmokeQuery]:
    for path in sorted(folder.glob("*.sql")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the smoke query {path} cannot be read: {error}",
                hint="Nothing was done. Mend the file, or move it away.",
            ) from error
        first = text.lstrip("\ufeff \n").partition("\n")[0]
        yield SmokeQuery(path.stem, text, expects_rows=first.strip().lower() == EXPECTS_ROWS)


def _words(query: SmokeQuery, dialect: str) -> str | None:
    if isinstance(query.sql, str):
        return query.sql
    return query.sql.get(dialect, query.sql.get("mysql") if dialect == "mariadb" else None)


def _shown(row: Sequence[Any]) -> str:
    """Write a row on one line, long values cut short."""
    values = ("NULL" if value is None else _literal(value) for value in row)
    return f"({', '.join(value if len(value) <= _LONGEST else f'{value[:_LONGEST]}…' for value in values)})"


def _literal(value: Any) -> str:
    return repr(value) if isinstance(value, str | bytes) else str(value)
