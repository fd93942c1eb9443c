"""Start-up stays quick because nothing heavy is imported; benchmarks/startup.py has the times."""

from __future__ import annotations

import sys

import pytest

from tests.tasks.support import REPOSITORY, Project

HEAVY = ("sqlalchemy", "alembic", "pydantic", "docker", "fabric", "rich", "pymysql", "obstore", "httpx", "stamina")


@pytest.mark.parametrize("statement", ["import deckinfra", "import tasks", "from deckinfra.tasks.program import main"])
def test_nothing_heavy_is_imported_at_the_start(project: Project, statement: str) -> None:
    code = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert project.run([sys.executable, "-c", code], cwd=REPOSITORY).out == "[]\n"


def test_listing_the_tasks_imports_nothing_heavy(project: Project) -> None:
    code = (
        "import sys; from invoke.main import program\n"
        "try: program.run(['invoke', '--list'])\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    listed = project.run([sys.executable, "-c", code], cwd=REPOSITORY)
    assert (listed.code, listed.err) == (0, "[]\n")
    assert "db.backup" in listed.out


@pytest.mark.parametrize(("flags", "expected"), [([], "False"), (["-B"], "True")])
def test_bytecode_is_kept_unless_python_was_told_otherwise(project: Project, flags: list[str], expected: str) -> None:
    code = (
        "import sys; from invoke.main import program\n"
        "try: program.run(['invoke', '--list'])\n"
        "finally: print(sys.dont_write_bytecode, file=sys.stderr)"
    )
    environ = {"PYTHONDONTWRITEBYTECODE": ""}
    assert project.run([sys.executable, *flags, "-c", code], environ=environ).err == f"{expected}\n"
