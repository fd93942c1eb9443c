"""What a task in a container is told before it runs. The script runs in the database's image here, which is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.stack.support import ROOT, docker
from tests.support.servers import IMAGES

SAFE = ("--read-only", "--tmpfs=/tmp", "--network=none", "--user=1234")


@pytest.fixture
def backups(_docker: None, tmp_path: Path) -> Path:
    """The machine's folder of the backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def run(backups: Path, *words: str, mount: str = "/app/backups", **values: str) -> subprocess.CompletedProcess[str]:
    """Run ``echo`` with ``words`` as a task; where the folder is not to be at ``mount``, an empty one is there."""
    given = [f"--env={name}={value}" for name, value in values.items()]
    volumes = [f"--volume={ROOT}/scripts/container:/scripts:ro", f"--volume={backups}:{mount}"]
    if mount != "/app/backups":
        volumes.append("--volume=/app/backups")
    task = ("--entrypoint=/bin/bash", IMAGES["mysql"], "/scripts/as-owner.sh", "echo", *words)
    return docker("run", "--rm", *SAFE, *given, *volumes, *task, good=False)


@pytest.mark.parametrize("place", ["", "file:backups/docker", "file:/app/backups/./x", "sftp://deck@backup.example/x"])
@pytest.mark.parametrize("task", ["setup", "db.backup"])
def test_a_backup_into_the_machines_folder_or_elsewhere_is_taken(task: str, place: str, backups: Path) -> None:
    done = run(backups, task, BACKUP_REPOSITORY=place)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{task}\n", "")


@pytest.mark.parametrize(
    "place", ["file:/mnt/usb/deck", "file:/tmp/deck", "file:backups/../deck", "file:///dev/shm/x", "file:/app/backups2"]
)
@pytest.mark.parametrize("task", ["setup", "db.backup"])
def test_a_backup_that_would_go_with_the_container_is_refused(task: str, place: str, backups: Path) -> None:
    done = run(backups, task, "--json", BACKUP_REPOSITORY=place, DECKINFRA_ENVIRONMENT="shop")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"error: BACKUP_REPOSITORY is {place}, which is no folder of the machine in this container\n" in done.stderr
    assert "hint: Nothing was done. Run it outside of the container, by the tasks with -e shop, or mount" in done.stderr


def test_what_takes_no_backup_runs_and_is_warned(backups: Path) -> None:
    done = run(backups, "db.migrate", "--backup", BACKUP_REPOSITORY="file:/mnt/usb/deck")
    assert (done.returncode, done.stdout) == (0, "db.migrate --backup\n")
    assert "warning: BACKUP_REPOSITORY is file:/mnt/usb/deck, which is no folder of the machine" in done.stderr
    assert "Outside of the container, the tasks with -e docker have them." in done.stderr


def test_a_folder_that_somebody_mounted_there_is_taken(backups: Path) -> None:
    done = run(backups, "db.backup", mount="/mnt/usb", BACKUP_REPOSITORY="file:/mnt/usb/deck")
    assert (done.returncode, done.stdout, done.stderr) == (0, "db.backup\n", "")


@pytest.mark.parametrize(("environment", "file"), [("docker", ".env.docker"), ("production", ".env")])
def test_beside_a_stack_that_is_not_up_the_command_that_starts_it_is_told(
    environment: str, file: str, backups: Path
) -> None:
    url = "mysql+pymysql://deck@database:3306/deck"
    done = run(backups, "db.status", DATABASE_URL=url, DECKINFRA_ENVIRONMENT=environment)
    assert (done.returncode, done.stdout) == (0, "db.status\n")
    assert f"the stack is not up. 'docker compose --env-file {file} up --detach' starts it." in done.stderr
