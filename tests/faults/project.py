"""A small project to do things to: two tables, two revisions, a repository in a folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from deckinfra.app import App, open_project
from deckinfra.ports import Reporter

ENVIRON = {"APP_SECRET_KEY": "k" * 43, "BACKUP_THREADS": "1"}

_ENV = "from deckinfra.migrations.environment import run\n\nrun()\n"
_REVISION = '''"""{message}"""

from alembic import op

revision = "{revision}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{back}
'''


def make(root: Path) -> None:
    """Make a project in the folder ``root``, which may have any name; there is no database in it yet."""
    versions = root / "migrations" / "versions"
    versions.mkdir(parents=True)
    (root / "migrations" / "env.py").write_text(_ENV)
    (root / ".env.local").write_text("")
    (root / "setup.cfg").write_text("[deckinfra]\nname = the same wherever its copies lie\n")
    _revise(versions, "0001", None, "CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT)", "DROP TABLE a")
    _revise(versions, "0002", "0001", "CREATE TABLE b (n INTEGER PRIMARY KEY, text TEXT)", "DROP TABLE b")


def _revise(versions: Path, revision: str, down: str | None, up: str, back: str) -> None:
    more = f"    op.execute(\"INSERT INTO a VALUES ({int(revision)}, 'by a revision')\")"
    less = f'    op.execute("DELETE FROM a WHERE n = {int(revision)}")'
    text = _REVISION.format(
        message=f"revision {revision}",
        revision=revision,
        down=repr(down),
        up=f'    op.execute("{up}")\n{more}',
        back=f'{less}\n    op.execute("{back}")',
    )
    (versions / f"{revision}_revision.py").write_text(text)


def opened(root: Path, reporter: Reporter | None = None, environ: Mapping[str, str] | None = None) -> App:
    """Open the project."""
    return open_project(root, environ={**ENVIRON, **(environ or {})}, reporter=reporter)


def database(root: Path) -> Path:
    """Give the path of the project's database."""
    return root / "var" / "app.db"


def workspace(root: Path) -> Path:
    """Give the folder of what deckinfra keeps beside the database."""
    return root / "var" / "app.db-deckinfra"


def repository(root: Path) -> Path:
    """Give the folder of the backups."""
    return root / "backups" / "local"


def execute(root: Path, *statements: str) -> None:
    """Run statements on the database, made if need be, in one transaction."""
    database(root).parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(database(root), timeout=30)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def content(path: Path) -> Any:
    """Give everything that is in a database, by other means than deckinfra's; None if there is no such file."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(connection.iterdump())


def leftovers(root: Path) -> list[str]:
    """Give what an interrupted run may leave: unfinished files, scratch files, journals, locks that nobody holds.

    SQLite's own journal is SQLite's business: it may leave one that it did not begin to use.
    """
    found = list(root.rglob(".tmp-*"))
    found += repository(root).glob("locks/*")
    for path in workspace(root).glob("*"):
        if path.name.startswith("stray-"):
            continue  # not left by a run: moved aside by it, and kept
        if path.name == "lock":
            found += [path] if path.stat().st_size else []
        elif not all(path.name.startswith("kept-") and path.with_suffix(end).exists() for end in (".db", ".json")):
            found.append(path)
    return sorted(str(path.relative_to(root)) for path in found)
