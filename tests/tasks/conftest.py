"""Projects for the tests: one with nothing done yet, and one that was set up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tasks.support import Project, new_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh checkout."""
    return new_project(tmp_path / "my shop")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was set up once, for others to be copied from."""
    project = new_project(tmp_path_factory.mktemp("template") / "my shop")
    done = project.invoke("setup", "--progress=none")
    assert (done.code, done.err) == (0, "")
    return project


@pytest.fixture
def ready(template: Project, tmp_path: Path) -> Project:
    """A project that was set up."""
    shutil.copytree(template.root, tmp_path / "my shop")
    return Project(tmp_path / "my shop")
