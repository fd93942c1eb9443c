"""Fixtures of the tests of the repository."""

from __future__ import annotations

import pytest

from deckinfra.repository import Repository
from deckinfra.testing import MemoryStore, RecordingReporter

from .support import open_repository


@pytest.fixture
def store() -> MemoryStore:
    """Give an empty store."""
    return MemoryStore()


@pytest.fixture
def reporter() -> RecordingReporter:
    """Give a reporter that remembers."""
    return RecordingReporter()


@pytest.fixture
def repository(store: MemoryStore, reporter: RecordingReporter) -> Repository:
    """Give a new repository in ``store`` that tells ``reporter``."""
    return open_repository(store, reporter)
