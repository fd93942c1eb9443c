"""Fixtures for what really goes wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults import project
from tests.faults.killing import Victims


@pytest.fixture(scope="session")
def victims() -> Iterator[Victims]:
    """Processes to be killed."""
    server = Victims()
    yield server
    server.close()


@pytest.fixture(scope="session")
def others() -> Iterator[Victims]:
    """Processes that run beside those of ``victims``."""
    server = Victims()
    yield server
    server.close()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is such a thing: what is killed loses nothing that a disk would keep."""
    place = Path("/dev/shm")
    with TemporaryDirectory(dir=place if os.access(place, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def root(memory: Path) -> Path:
    """The folder of a project that has no database yet, with a name that is not easy."""
    folder = memory / 'it\'s a "prøject" 100%'
    folder.mkdir()
    project.make(folder)
    return folder
