"""Small stacks of their own for the tests: containers of an image that is there anyway, up within seconds.

A test that asks for one is skipped where Docker or Compose cannot be had, saying so, and fails where
``DECKINFRA_REQUIRE`` has ``compose``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from deckinfra.app import App, open_project
from deckinfra.ports import Environment, Reporter, Stack
from tests.support.servers import IMAGES, unavailable

IMAGE = IMAGES["mariadb"]

SMALL = f"""
services:
  base:
    image: {IMAGE}
    entrypoint: [sleep, infinity]
    init: true
    healthcheck: {{test: [CMD, test, -e, /tmp/healthy], interval: 300ms, retries: 600}}
  work:
    image: {IMAGE}
    entrypoint: [sh, -c, "echo did the work"]
  app:
    image: {IMAGE}
    entrypoint: [sh, -c, "echo 'ready to serve'; exec sleep infinity"]
    init: true
    depends_on:
      work: {{condition: service_completed_successfully}}
  extra:
    image: {IMAGE}
    entrypoint: [sh, -c, "echo extra"]
    profiles: [extra]
"""
"""Three services and one in a profile. ``base`` becomes healthy when it is told to."""


DATABASE = """
services:
  database:
    image: {image}
    environment:
      {kind}_DATABASE: deck
      {kind}_USER: deck
      {kind}_PASSWORD_FILE: /run/secrets/DATABASE_PASSWORD
      {kind}_ROOT_PASSWORD_FILE: /run/secrets/DATABASE_ADMIN_PASSWORD
    secrets: [DATABASE_PASSWORD, DATABASE_ADMIN_PASSWORD]
    tmpfs: /var/lib/mysql
    healthcheck:
      test: [CMD-SHELL, "$$(command -v mariadb || command -v mysql) --host=127.0.0.1 --protocol=tcp --user=deck \\
        --password=\\"$$(cat /run/secrets/DATABASE_PASSWORD)\\" deck --execute='SELECT 1'"]
      interval: 10s
      start_interval: 500ms
      start_period: 120s
secrets:
  DATABASE_PASSWORD: {{file: ./.secrets/docker/DATABASE_PASSWORD}}
  DATABASE_ADMIN_PASSWORD: {{file: ./.secrets/docker/DATABASE_ADMIN_PASSWORD}}
"""
"""A database of one ``kind``, of ``image``, and nothing else."""


@dataclass(frozen=True)
class StackProject:
    """A project folder with compose files, whose containers are called as no others are."""

    root: Path
    name: str

    def write(self, compose: str, file: str = "docker-compose.yml") -> None:
        """Write a compose file, or another one of the project's."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(compose, encoding="utf-8")

    def setting(self, **values: object) -> None:
        """Add lines to the env file."""
        with (self.root / ".env.docker").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())

    def secret(self, name: str, value: str) -> Path:
        """Write a secret of the environment."""
        folder = self.root / ".secrets" / "docker"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / name
        path.write_text(f"{value}\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def open(self, reporter: Reporter | None = None) -> App:
        """Open the project in its environment ``docker``."""
        return open_project(self.root, "docker", reporter=reporter)

    @property
    def environment(self) -> Environment:
        """The environment, opened anew."""
        return self.open().environment

    @property
    def stack(self) -> Stack:
        """The stack, opened anew."""
        stack = self.environment.stack()
        assert stack is not None
        return stack

    def remove(self) -> None:
        """Remove every container, network, volume and image that carries the stack's name."""
        label = f"label=com.docker.compose.project={self.name}"
        for listing, removal in (
            (("ps", "--all", "--quiet"), ("rm", "--force", "--volumes")),
            (("network", "ls", "--quiet"), ("network", "rm")),
            (("volume", "ls", "--quiet"), ("volume", "rm", "--force")),
            (("image", "ls", "--quiet"), ("image", "rm", "--force")),
        ):
            found = docker(*listing, "--filter", label).stdout.split()
            if found:
                docker(*removal, *found)


def docker(*arguments: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Docker's own command."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=limit, check=False)


def new_stack_project(root: Path, compose: str = SMALL) -> StackProject:
    """Write a project with a stack that is not started."""
    project = StackProject(root, f"deckinfra-test-{secrets.token_hex(5)}")
    root.mkdir(parents=True, exist_ok=True)
    (root / "setup.cfg").write_text("[metadata]\nname = shop\n", encoding="utf-8")
    project.write(compose)
    project.setting(COMPOSE_PROJECT_NAME=project.name, DATABASE_URL="mysql+pymysql://deck@base:3306/deck")
    for secret in ("DATABASE_PASSWORD", "APP_SECRET_KEY"):
        project.secret(secret, secrets.token_hex(24))
    return project


@cache
def _lacking() -> str | None:
    if shutil.which("docker") is None or docker("compose", "version").returncode != 0:
        return "there is no Docker with Compose"
    return unavailable("mariadb")


def _require_compose() -> None:
    lacking = _lacking()
    if lacking is None:
        return
    if "compose" in os.environ.get("DECKINFRA_REQUIRE", "").replace(",", " ").split():
        pytest.fail(lacking)
    pytest.skip(lacking)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., StackProject]]:
    """Make projects with stacks of their own, whatever becomes of them removed at the end."""
    _require_compose()
    made: list[StackProject] = []

    def make(compose: str = SMALL) -> StackProject:
        made.append(new_stack_project(tmp_path / f"my shop {len(made)}", compose))
        return made[-1]

    yield make
    for project in made:
        project.remove()


@pytest.fixture
def stack_project(make_stack: Callable[..., StackProject]) -> StackProject:
    """A project with the small stack."""
    return make_stack()


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProject]:
    """A project with the small stack, of which the service ``base`` runs; for tests that leave it as it is."""
    _require_compose()
    # Each look at its health starts a process in it, and this one runs for as long as the session.
    project = new_stack_project(tmp_path_factory.mktemp("stack") / "my shop", SMALL.replace("300ms", "1h"))
    assert "1h" in (project.root / "docker-compose.yml").read_text(encoding="utf-8")
    project.stack.start(["base"], timeout=60.0, output=lambda piece: None)
    yield project
    project.remove()
