"""What hands the secrets on, before anything else starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack.support import Images, Stack, running
from tests.support.servers import IMAGES

# Only `secrets` is started, which runs in the database's image.
NONE = Images(IMAGES["mariadb"], "deck-tests-none", "none")


@pytest.mark.usefixtures("_docker")
def test_a_link_that_leads_nowhere_in_a_container_is_named(clone: Path) -> None:
    folder = clone / ".secrets" / "docker"
    folder.mkdir(parents=True)
    for name in ("DATABASE_ADMIN_PASSWORD", "OF_ANOTHER_PROGRAM"):
        (folder / name).symlink_to(clone.parent / "elsewhere")
    (clone.parent / "elsewhere").write_text("a-secret-of-some-length\n")
    with running(Stack(clone, NONE)) as stack:
        done = stack.compose("run", "--rm", "--no-TTY", "secrets", good=False)
        assert done.returncode == 3
        assert (
            ".secrets/docker/DATABASE_ADMIN_PASSWORD is a link, and where it leads is not in a container" in done.stderr
        )
        (folder / "DATABASE_ADMIN_PASSWORD").unlink()
        (folder / "DATABASE_ADMIN_PASSWORD").symlink_to("OF_ANOTHER_PROGRAM.real")
        (folder / "OF_ANOTHER_PROGRAM.real").write_text("a-secret-of-some-length\n")
        stack.compose("run", "--rm", "--no-TTY", "secrets")


@pytest.mark.usefixtures("_docker")
def test_production_needs_no_env_file_of_another_environment(clone: Path) -> None:
    (clone / ".env.docker").unlink()
    with running(Stack(clone, NONE, "prod")) as stack:
        stack.compose("run", "--rm", "--no-TTY", "secrets")
    assert (clone / ".secrets" / "production" / "APP_SECRET_KEY").exists()
