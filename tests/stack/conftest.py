"""The images of the stack, built once; they need Docker, Buildx and the base images."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.support import ROOT, Images, Stack, copy_checkout, docker
from tests.support.servers import IMAGES

NEEDED = ("python:3.13-slim", *IMAGES.values())


def lacking() -> str | None:
    """Say what is not there to build and run the stack with, or None."""
    if shutil.which("docker") is None or docker("info", good=False).returncode != 0:
        return "no Docker engine answers"
    for plugin in ("compose", "buildx"):
        if docker(plugin, "version", good=False).returncode != 0:
            return f"Docker has no {plugin}"
    for image in NEEDED:
        present = docker("image", "inspect", image, good=False).returncode == 0
        if not present and docker("pull", image, limit=600, good=False).returncode != 0:
            return f"there is no image {image}, here or in a registry"
    return None


@pytest.fixture(scope="session")
def _docker() -> None:
    problem = lacking()
    if problem is not None:
        advice = f"the stack cannot be built for this test: {problem}. tests/rig/up.sh brings it"
        if "stack" in os.environ.get("DECKINFRA_REQUIRE", "").replace(",", " ").split():
            pytest.fail(advice)
        pytest.skip(advice)


@pytest.fixture(scope="session")
def images(_docker: None) -> Iterator[dict[str, Images]]:
    """The images for each database, built as the compose files say, and removed at the end."""
    name = f"deck-tests-{secrets.token_hex(4)}"
    built = {dialect: Images(image, name, dialect) for dialect, image in IMAGES.items()}
    try:
        for each in built.values():
            Stack(ROOT, each).compose("build", limit=900)
        yield built
    finally:
        for each in built.values():
            docker("image", "rm", "--force", each.backend, each.ops, good=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the checkout, as after a clone, in a folder whose name has a space."""
    return copy_checkout(tmp_path / "a clone")
