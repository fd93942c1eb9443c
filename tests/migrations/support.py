"""Small projects with revisions of their own, and what to look at in their databases."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from deckinfra.core.urls import DatabaseURL
from deckinfra.migrations import Migrator

ROOT = Path(__file__).parents[2]
ENV = "from deckinfra.migrations.environment import run\n\nrun()\n"


def write_folder(folder: Path, env: str = ENV) -> Path:
    """Make a migrations folder without revisions."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(env)
    shutil.copy(ROOT / "migrations" / "script.py.mako", folder)
    return folder


def write_revision(
    folder: Path, revision: str, parent: str | None, up: str = "pass", down: str = "pass", *, file: str = ""
) -> Path:
    """Write a revision whose functions have these bodies; ``op`` and ``sa`` are imported."""
    path = folder / "versions" / (file or f"{revision}_test.py")
    path.write_text(
        f'"""Revision {revision}."""\n\nimport os, sys, time\nfrom pathlib import Path\n'
        f"import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = {revision!r}\ndown_revision = {parent!r}\n\n\n"
        f"def upgrade():\n{indent(dedent(up), '    ')}\n\n\ndef downgrade():\n{indent(dedent(down), '    ')}\n"
    )
    return path


def create(table: str) -> str:
    """The body of a function that creates a table of one column."""
    return f"op.create_table({table!r}, sa.Column('id', sa.Integer, primary_key=True))"


def drop(table: str) -> str:
    """The body of a function that drops it."""
    return f"op.drop_table({table!r})"


def write_three(folder: Path) -> Path:
    """Make a migrations folder of three revisions, each with a table."""
    write_folder(folder)
    parent = None
    for revision, table in (("0001", "first"), ("0002", "second"), ("0003", "third")):
        write_revision(folder, revision, parent, create(table), drop(table))
        parent = revision
    return folder


@contextmanager
def opened(url: DatabaseURL) -> Iterator[sqlite3.Connection]:
    """Open a SQLite database with the bare driver."""
    with closing(sqlite3.connect(url.database, isolation_level=None, timeout=0)) as connection:
        yield connection


def query(url: DatabaseURL, statement: str) -> list[Any]:
    """Run one statement on a SQLite database and give its rows."""
    with opened(url) as connection:
        return connection.execute(statement).fetchall()


def tables(url: DatabaseURL) -> set[str]:
    """Give the names of a SQLite database's tables, the version table left out."""
    names = {name for (name,) in query(url, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    return names - {"alembic_version"}


def three(tmp_path: Path, url: DatabaseURL) -> Migrator:
    """Give a migrator of three revisions, on a database that is not there yet."""
    return Migrator(write_three(tmp_path / "migrations"), url)
