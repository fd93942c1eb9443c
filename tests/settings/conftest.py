"""Fixtures of the tests of settings."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a project folder that other users may enter (pytest's own they may not), with an awkward name."""
    folder = Path(tempfile.mkdtemp(prefix="deck 'n' ünïcode "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
