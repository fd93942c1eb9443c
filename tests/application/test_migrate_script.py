"""The script for those who run migrations without Invoke, on a copy of the project."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.application.support import ROOT

PARTS = ("setup.cfg", ".env.local", "plugins", "migrations", "database")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the application in a folder whose name has a space."""
    folder = tmp_path / "deck builder"
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder)
    return folder


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Run:
    """Runs the copy's script from another folder."""

    def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
        values = {name: value for name, value in os.environ.items() if not name.startswith(("DECKINFRA", "DATABASE"))}
        values |= {
            "APP_SECRET_KEY": "only-for-this-test-0123456789abcdefghijklmnop",
            "DATABASE_URL": "sqlite:///var/app.db",
        }
        command = [sys.executable, str(project / "database" / "migrations" / "migrate.py"), *arguments]
        return subprocess.run(
            command, env=values, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return run_script


def test_it_looks_migrates_and_takes_back(project: Path, run: Run) -> None:
    steps = [
        ([], "not migrated (at no revision; to apply: 0001, 0002, 0003)"),
        (["up"], "applied 0001, 0002, 0003"),
        (["up"], "nothing to do"),
        (["status"], "up to date (at 0003)"),
        (["down"], "took back 0003"),
        (["status"], "behind (at 0002; to apply: 0003)"),
    ]
    for arguments, expected in steps:
        done = run(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{expected}\n", "")
    assert (project / "var" / "app.db").exists()


def test_an_error_is_one_line_and_a_hint_and_its_exit_code(project: Path, run: Run) -> None:
    (project / "var").mkdir()
    (project / "var" / "app.db").write_text("This is a letter, and no database at all. " * 9)
    done = run("up")
    first, second = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (4, "")
    assert first.startswith("error: ")
    assert second.startswith("hint: ")


def test_an_unknown_environment_is_a_usage_error(run: Run) -> None:
    done = run("status", "--environment", "locl")
    assert done.returncode == 2
    assert "locl" in done.stderr
    assert "local" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_action_is_a_usage_error(run: Run) -> None:
    done = run("sideways")
    assert done.returncode == 2
    assert "invalid choice: 'sideways'" in done.stderr
