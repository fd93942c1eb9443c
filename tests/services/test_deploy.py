"""Deployments of a small stack: an image whose health depends on a file that is built into it, and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deckinfra.core.command import Command
from deckinfra.errors import ConfigurationError, LockedError, MigrationError, StackError
from deckinfra.services.setup import setup
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner
from deckinfra.testing import RecordingReporter
from tests.support.stacks import IMAGE, StackProject, docker
from tests.tasks.support import new_project

COMPOSE = """
services:
  web:
    image: {name}:latest
    build: app
    init: true
    stop_grace_period: 1s
"""
DOCKERFILE = f"""
FROM {IMAGE}
COPY version /version
ENTRYPOINT ["sh", "-c", "echo this is $(cat /version); exec sleep 600"]
HEALTHCHECK --interval=300ms --retries=2 CMD ["sh", "-c", "! grep -q broken /version"]
"""
BROKEN_REVISION = '''"""Goes wrong."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    raise RuntimeError("this revision goes wrong")
'''


@pytest.fixture
def shop(tmp_path: Path, stack_project: StackProject) -> Iterator[StackProject]:
    """A project with a revision, a database file, and a stack of one service."""
    project = new_project(tmp_path / "shop")
    name = stack_project.name
    project.write("docker-compose.yml", COMPOSE.format(name=name))
    project.write("app/Dockerfile", DOCKERFILE)
    project.write("app/version", "one\n")
    project.write(".env.docker", f"DATABASE_URL=sqlite:///var/shop.db\nCOMPOSE_PROJECT_NAME={name}\nSTACK_TIMEOUT=60\n")
    yield StackProject(project.root, name)
    docker("image", "rm", "--force", f"{name}:latest")


def _version(shop: StackProject) -> str:
    """Give the version that runs."""
    return shop.stack.executor("web").run(Command(("cat", "/version"), 20.0)).stdout.decode().strip()


def test_setup_builds_and_starts_the_stack_and_does_so_once(shop: StackProject) -> None:
    first = setup(shop.open())
    assert [step.name for step in first.steps] == ["environment", "stack", "migrate", "seed", "backup", "drill"]
    assert "started: web" in first.steps[1].summary
    assert _version(shop) == "one"
    second = setup(shop.open())
    assert not second.changed, second.steps


def test_the_first_deployment_starts_what_is_there_without_a_backup(shop: StackProject) -> None:
    app = shop.open()
    app.init_settings()
    result = app.deploy()
    assert result.backup is None
    assert result.migrated.after == ("0001",)
    assert [service.described for service in result.services] == ["healthy"]


def test_a_new_version_is_deployed_after_a_backup(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("two\n")
    result = shop.open().deploy()
    assert _version(shop) == "two"
    assert result.backup is not None
    assert result.backup.id == shop.open().backups()[0].manifest.id


def test_a_version_that_does_not_become_healthy_gives_way_to_the_old_one(shop: StackProject) -> None:
    setup(shop.open())
    (shop.root / "app" / "version").write_text("broken\n")
    reporter = RecordingReporter()
    with pytest.raises(StackError, match=r"did not start, and the old one runs again: .*'web'") as caught:
        shop.open(reporter).deploy()
    newest = shop.open().backups()[0].manifest.id
    assert newest in caught.value.hint
    assert _version(shop) == "one"
    assert ("note", "web | this is broken") in reporter.events
    (service,) = shop.stack.services()
    assert service.ready


def test_a_first_version_that_does_not_become_healthy_has_nothing_to_go_back_to(shop: StackProject) -> None:
    (shop.root / "app" / "version").write_text("broken\n")
    app = shop.open()
    app.init_settings()
    with pytest.raises(StackError, match=r"'docker' did not start") as caught:
        app.deploy()
    assert "Nothing ran before" in caught.value.hint


def test_a_version_that_cannot_be_built_leaves_the_old_one_running(shop: StackProject) -> None:
    setup(shop.open())
    started = shop.stack.services()[0].started
    (shop.root / "app" / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 3\n")
    with pytest.raises(StackError) as caught:
        shop.open().deploy()
    assert "The services that ran before go on running, as they were." in caught.value.hint
    assert shop.stack.services()[0].started == started


def test_a_migration_that_fails_leaves_the_old_version_running(shop: StackProject) -> None:
    setup(shop.open())
    started = shop.stack.services()[0].started
    (shop.root / "migrations" / "versions" / "0002_wrong.py").write_text(BROKEN_REVISION)
    (shop.root / "app" / "version").write_text("two\n")
    with pytest.raises(MigrationError) as caught:
        shop.open().deploy()
    assert "The services that ran before go on running, as they were." in caught.value.hint
    assert shop.stack.services()[0].started == started
    assert _version(shop) == "one"


def test_settings_that_are_wrong_are_all_named_before_anything_is_done(shop: StackProject) -> None:
    shop.setting(BACKUP_THREADS="many", APP_PORT=0)
    with pytest.raises(ConfigurationError) as caught:
        shop.open().deploy()
    for name in ("BACKUP_THREADS", "APP_PORT", "APP_SECRET_KEY"):
        assert name in caught.value.message
    assert docker("image", "inspect", f"{shop.name}:latest").returncode != 0
    assert not (shop.root / "var").exists()


def test_two_deployments_at_once_do_not_meet(shop: StackProject) -> None:
    shop.open().init_settings()
    folder = shop.root / "var"
    folder.mkdir()
    with (
        file_lock(folder / "deploy-docker.lock", Owner.me("deploy"), timeout=0, what="it"),
        pytest.raises(LockedError, match="'docker'"),
    ):
        shop.open().deploy()
    assert docker("image", "inspect", f"{shop.name}:latest").returncode != 0


def test_an_image_of_another_name_is_not_called_by_the_new_one(shop: StackProject) -> None:
    setup(shop.open())
    compose = shop.root / "docker-compose.yml"
    compose.write_text(compose.read_text().replace(":latest", ":two"))
    (shop.root / "app" / "version").write_text("broken\n")
    try:
        with pytest.raises(StackError, match="could not be brought back: the settings name other images"):
            shop.open().deploy()
        assert docker("run", "--rm", "--entrypoint", "cat", f"{shop.name}:two", "/version").stdout == "broken\n"
    finally:
        docker("image", "rm", "--force", f"{shop.name}:two")
