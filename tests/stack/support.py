"""A stack of a test's own: a copy of the checkout, a project name that nobody has, ports that Docker chooses."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OWNER = 1234
"""Whose the copy is, where the tests may give it away: somebody whom neither machine nor image knows."""

_KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "PIP_INDEX_URL")
REVISION = '''"""A column that the version before knows nothing of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("decks", sa.Column("colour", sa.String(20)))


def downgrade() -> None:
    op.drop_column("decks", "colour")
'''
"""One more than the application has."""


@dataclass(frozen=True)
class Images:
    """The images of one database: ``name`` and ``version`` as the compose files put them together."""

    database: str
    name: str
    version: str

    @property
    def backend(self) -> str:
        """The image that serves."""
        return f"{self.name}:{self.version}"

    @property
    def ops(self) -> str:
        """The image for tasks."""
        return f"{self.name}-ops:{self.version}"


@dataclass(frozen=True)
class Stack:
    """Compose on a folder. Every command carries the project's name, whatever else is set."""

    folder: Path
    images: Images
    add: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    project: str = field(default_factory=lambda: f"deck-tests-{secrets.token_hex(4)}")

    def compose(self, *words: str, limit: float = 120, good: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of Compose; unless ``good`` is False, it must end well."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        assert done.returncode == 0 or not good, f"{words}: {done.stdout}{done.stderr}{self.log()}"
        return done

    def command(self, *words: str) -> list[str]:
        """Give the command line."""
        files = ["-f", "docker-compose.yml", *(["-f", f"docker-compose.{self.add}.yml"] if self.add else [])]
        return ["docker", "compose", "--ansi", "never", "--project-name", self.project, *files, *words]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of Compose: nothing that the machine's user set for a stack of their own."""
        return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "APP_IMAGE": self.images.name,
            "APP_VERSION": self.images.version,
            "DATABASE_IMAGE": self.images.database,
            "APP_PORT": "0",
            "DATABASE_PORT": "0",
            **self.values,
        }

    def task(self, *words: str, service: str = "ops", limit: float = 120) -> str:
        """Run a command in a container of its own, and give what it printed."""
        return self.compose("run", "--rm", "--no-TTY", "--quiet-pull", service, *words, limit=limit).stdout

    def wait(self, service: str, limit: float = 90) -> int:
        """Wait until a one-shot service has ended, and give its exit code."""
        return int(docker("wait", self.container(service), limit=limit).stdout)

    def container(self, service: str) -> str:
        """Give the id of a service's container, which may have ended."""
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str) -> Any:
        """Give what Docker knows of a service's container."""
        return json.loads(docker("inspect", self.container(service)).stdout)[0]

    def await_health(self, service: str, limit: float = 60) -> None:
        """Wait until a service is healthy."""
        deadline = time.monotonic() + limit
        while (health := self.inspect(service)["State"]["Health"])["Status"] != "healthy":
            assert time.monotonic() < deadline, f"{service}: {health}{self.log(service)}"
            time.sleep(0.3)

    def log(self, *services: str) -> str:
        """Give what the services wrote."""
        done = self.compose("logs", "--no-color", "--tail", "60", *services, good=False)
        return done.stdout + done.stderr

    def get(self, path: str, data: object = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Ask the backend by its published port, or post ``data`` to it; give the answer's status and JSON."""
        address = self.compose("port", "backend", "8000").stdout.strip()
        assert address.startswith("127.0.0.1:")
        try:
            body = None if data is None else json.dumps(data).encode()
            given = {"Content-Type": "application/json", **(headers or {})}
            request = urllib.request.Request(f"http://{address}{path}", body, given)
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def down(self) -> None:
        """Remove everything of the project."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5", good=False)


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """Give the stack, and remove it at the end, however it came out."""
    try:
        yield stack
    finally:
        stack.down()


def docker(
    *words: str, limit: float = 60, good: bool = True, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of Docker, with ``given`` as its standard input."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=limit, check=False, input=given)
    assert done.returncode == 0 or not good, f"{words}: {done.stdout}{done.stderr}"
    return done


def copy_checkout(folder: Path) -> Path:
    """Copy what git knows of the checkout, as a clone has it: no secrets, no backups, no data."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():  # not one that is deleted and not committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    give(folder)
    return folder


def give(folder: Path) -> None:
    """Make a folder somebody else's, if that may be done here."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OWNER, OWNER, follow_symlinks=False)


def owner() -> int:
    """Whose the copies are."""
    return OWNER if os.geteuid() == 0 else os.geteuid()


def modes(folder: Path) -> dict[str, tuple[int, int]]:
    """Give each path in a folder with its mode and its owner."""
    paths: Sequence[Path] = (folder, *sorted(folder.rglob("*")))
    found = {str(path.relative_to(folder)): path.stat() for path in paths}
    return {name: (status.st_mode & 0o777, status.st_uid) for name, status in found.items()}
