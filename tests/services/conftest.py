"""Fixtures of the tests of the services: a database of several chunks, its engine, and a repository in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.engine import SqliteEngine
from deckinfra.core.urls import DatabaseURL
from deckinfra.repository import Repository
from deckinfra.testing import RecordingReporter
from tests.repository.support import in_folder
from tests.support.stacks import StackProject

from .support import BOUND, populate


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Give a database file."""
    path = tmp_path / "it's größe" / "live.db"
    path.parent.mkdir()
    populate(path)
    return path


@pytest.fixture
def engine(live: Path) -> SqliteEngine:
    """Give the engine of that database."""
    return SqliteEngine(DatabaseURL.parse(f"sqlite:///{live}"))


@pytest.fixture
def reporter() -> RecordingReporter:
    """Give a reporter that remembers."""
    return RecordingReporter()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the repository's folder."""
    return tmp_path / "my backups"


@pytest.fixture
def repository(folder: Path, reporter: RecordingReporter) -> Repository:
    """Give a new repository in that folder."""
    return in_folder(folder, reporter)


@pytest.fixture
def shop(make_stack: Callable[..., StackProject]) -> StackProject:
    """A stack that runs, with a database's volume, copies of its secrets, and backups in the project's folder."""
    project = make_stack(BOUND)
    (project.root / "backups").mkdir()
    project.stack.start(timeout=60.0, output=lambda piece: None)
    return project
