"""The database's health check, in the database's images."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.support import ROOT, docker
from tests.support.servers import IMAGES, PASSWORD

CHECK = "/usr/local/bin/deck-healthcheck"
SCRIPT = ROOT / "database" / "healthcheck.sh"

# Stands where the client is looked for first, and tells what it was given.
PROBE = """#!/bin/bash
printf '%s\\n' "$@" >/tmp/arguments
env >/tmp/environment
cat "${1#--defaults-file=}" >/tmp/options
"""


@pytest.fixture(scope="module", params=sorted(IMAGES))
def database(request: pytest.FixtureRequest, _docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A container of each database's image, just started, whose application's password is an odd one."""
    folder = tmp_path_factory.mktemp("secrets")
    folder.chmod(0o755)
    for name, text in (("right", PASSWORD), ("wrong", "another one")):
        (folder / name).write_text(f"{text}\n")
    container = docker(
        *("run", "--detach", "--rm", "--tmpfs", "/var/lib/mysql", "--env", "MYSQL_ALLOW_EMPTY_PASSWORD=yes"),
        *("--env", "MYSQL_DATABASE=deck", "--env", "MYSQL_USER=deck", "--env", "MYSQL_PASSWORD_FILE=/secrets/right"),
        *("--volume", f"{folder}:/secrets:ro", "--volume", f"{SCRIPT}:{CHECK}:ro", IMAGES[request.param]),
    ).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def check(container: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the check as Docker does."""
    return docker("exec", *options, container, "/bin/bash", CHECK, good=False)


def test_it_is_healthy_when_the_application_can_log_in_and_not_before(database: str) -> None:
    deadline = time.monotonic() + 90
    before = check(database)
    assert before.returncode != 0
    while (done := check(database)).returncode != 0:
        assert "Can't connect" in done.stderr, "it has answered while the image was preparing the database"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("MYSQL_PASSWORD_FILE=/secrets/wrong", "Access denied for user 'deck'"),
        ("MYSQL_USER=nobody", "Access denied for user 'nobody'"),
        ("MYSQL_DATABASE=mysql", "Access denied for user 'deck'"),
        ("MYSQL_PASSWORD_FILE=/secrets/none", "/secrets/none: No such file or directory"),
    ],
)
def test_it_is_not_healthy_with_what_does_not_fit(database: str, given: str, said: str) -> None:
    done = check(database, "--env", given)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_password_is_in_no_argument_and_no_variable(database: str, tmp_path: Path) -> None:
    for name in ("mariadb", "mysql"):
        docker("exec", database, "mkdir", "-p", "/tmp/probe")
        (tmp_path / name).write_text(PROBE)
        (tmp_path / name).chmod(0o755)
        docker("cp", str(tmp_path / name), f"{database}:/tmp/probe/{name}")
    path = docker("exec", database, "sh", "-c", "echo $PATH").stdout.strip()
    assert check(database, "--env", f"PATH=/tmp/probe:{path}").returncode == 0
    seen = {
        name: docker("exec", database, "cat", f"/tmp/{name}").stdout for name in ("arguments", "environment", "options")
    }
    assert "--protocol=tcp" in seen["arguments"].splitlines()
    part = "100 %"
    assert part in PASSWORD
    assert part not in seen["arguments"] + seen["environment"]
    assert part in seen["options"]
