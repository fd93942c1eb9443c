"""A small project of its own for each test, and its tasks run as people run them."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forking import forks

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("DECKINFRA_", "DATABASE_", "BACKUP_", "APP_", "CORS_", "VITE_", "INVOKE_")

SETUP_CFG = """[metadata]
name = shop

[deckinfra]
name = shop
default_environment = local
"""
TASKS_PY = """from pathlib import Path

from deckinfra.tasks import namespace

ns = namespace(Path(__file__).parent)
"""
REVISION = '''"""A table of things."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40)))


def downgrade() -> None:
    op.drop_table("things")
'''
PLUGIN = '''"""Example data and a task."""

from deckinfra import hookimpl
from deckinfra.ports import Seed


def plant(connection):
    from sqlalchemy import text

    if connection.execute(text("SELECT count(*) FROM things")).scalar():
        return 0
    connection.execute(text("INSERT INTO things (name) VALUES ('one'), ('two'), ('it''s three')"))
    return 3


@hookimpl
def deckinfra_seeds():
    return [Seed("things", plant)]
'''


@dataclass(frozen=True)
class Ran:
    """How a task ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """A project in a folder whose name has a space."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def invoke(self, *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        """Run ``invoke`` in the project, with no terminal."""
        return self._fork("invoke", arguments, environ, cwd)

    def program(self, *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        """Run the console script ``deckinfra``."""
        return self._fork("deckinfra.tasks.program:main", arguments, environ, cwd)

    def run(self, command: list[str], *, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        """Run a command in the project, with no terminal."""
        done = subprocess.run(
            command,
            cwd=cwd or self.root,
            env=clean_environ() | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _fork(self, program: str, arguments: Sequence[str], environ: Mapping[str, str] | None, cwd: Path | None) -> Ran:
        done = forks().run(
            program,
            arguments,
            folder=cwd or self.root,
            environ=clean_environ() | dict(environ or {}),
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, *arguments: str, typed: str = "", environ: Mapping[str, str] | None = None) -> Ran:
        """Run ``invoke`` on a terminal at which a person types; ``out`` is what they saw."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=self.root,
            env=clean_environ() | {"TERM": "xterm", "COLUMNS": "120"} | dict(environ or {}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = _read_all(ours, limit=120)
        os.close(ours)
        return Ran(child.wait(timeout=60), seen, "")


def clean_environ() -> dict[str, str]:
    """Give this process's environment without settings, which would win over the project's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def new_project(root: Path) -> Project:
    """Make a project with one revision, example data and nothing done yet."""
    project = Project(root)
    project.write("setup.cfg", SETUP_CFG)
    project.write("tasks.py", TASKS_PY)
    project.write(".env.local", "DATABASE_URL=sqlite:///var/shop.db\n")
    project.write("migrations/versions/0001_things.py", REVISION)
    project.write("plugins/shop.py", PLUGIN)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(REPOSITORY / "migrations" / name, root / "migrations" / name)
    return project


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def _read_all(descriptor: int, limit: float) -> str:
    seen = b""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], 1)
        if not ready:
            continue
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    return seen.decode(errors="replace").replace("\r\n", "\n")
