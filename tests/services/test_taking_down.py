"""What goes with a stack's volumes, whose they are, and which secrets they were made with."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deckinfra import open_project
from deckinfra.app import App
from deckinfra.errors import ChecksFailedError, RefusedError
from deckinfra.services.taking_down import loss_of_volumes
from tests.services.support import BOUND
from tests.support.stacks import StackProject, docker

MakeStack = Callable[..., StackProject]

PLAIN = BOUND[: BOUND.index("  backups: {")] + "  backups:\n"


def _volumes(project: StackProject) -> set[str]:
    label = f"label=com.docker.compose.project={project.name}"
    return set(docker("volume", "ls", "--quiet", "--filter", label).stdout.split())


def _down(project: StackProject) -> None:
    project.open().stack.down(volumes=True)


def test_what_goes_and_what_stays_is_said_by_name(shop: StackProject) -> None:
    text, name = loss_of_volumes(shop.open()), shop.name
    assert text == (
        f"delete the volumes {name}_copies, {name}_data of the stack 'docker'; the database is in {name}_data; "
        f"NO BACKUP of it can be seen: there is no backup repository at file:backups/docker; "
        f"kept: {name}_backups (its data is in {shop.root / 'backups'})"
    )
    (shop.root / "backups" / "here").touch()
    _down(shop)
    assert _volumes(shop) == set()
    assert (shop.root / "backups" / "here").exists()


def test_backups_in_a_volume_that_goes_are_said_loudly(make_stack: MakeStack) -> None:
    project = make_stack(PLAIN)
    project.stack.start(timeout=60.0, output=lambda piece: None)
    loud = f"THE BACKUPS ARE DELETED, TOO: the services keep them in {project.name}_backups"
    assert loud in loss_of_volumes(project.open())
    project.setting(BACKUP_REPOSITORY="file:/app/backups/docker")
    assert loud in loss_of_volumes(project.open())
    for other in ("file:/srv/elsewhere", "file:elsewhere/docker"):
        env = project.root / ".env.docker"
        lines = [line for line in env.read_text().splitlines() if not line.startswith("BACKUP_REPOSITORY")]
        env.write_text("\n".join([*lines, f"BACKUP_REPOSITORY={other}", ""]))
        assert "BACKUPS" not in loss_of_volumes(project.open())


@pytest.mark.parametrize("running", [True, False])
def test_the_data_of_another_folders_stack_is_not_deleted(shop: StackProject, tmp_path: Path, running: bool) -> None:
    copy = replace(shop, root=tmp_path / "copy")
    shutil.copytree(shop.root, copy.root)
    if not running:
        shop.open().stack.down()
    there = _volumes(shop)
    acts: tuple[Callable[[App], object], ...] = (
        loss_of_volumes,
        lambda project: project.stack.down(volumes=True),
        lambda project: project.stack.down(),
        lambda project: project.stack.up(),
        lambda project: project.stack.up(["base"]),
    )
    for act in acts:
        with pytest.raises(RefusedError, match=f"the stack '{shop.name}' belongs to another folder: ") as caught:
            act(copy.open())
        assert str(shop.root) in caught.value.message
        assert "COMPOSE_PROJECT_NAME" in caught.value.hint
    assert _volumes(shop) == there


def test_a_stack_that_is_productions_as_well_keeps_its_data(shop: StackProject) -> None:
    production = shop.root / ".env.live"
    production.write_text(f"DECKINFRA_KIND=docker\nCOMPOSE_PROJECT_NAME={shop.name}\n")
    with pytest.raises(RefusedError, match=f"'{shop.name}' is also that of 'live', which is production"):
        loss_of_volumes(shop.open())
    production.write_text("DECKINFRA_KIND=docker\nCOMPOSE_PROJECT_NAME=another\n")
    assert loss_of_volumes(shop.open())


@pytest.mark.parametrize("lines", ["DECKINFRA_KIND=docker\nCOMPOSE_FILES=nowhere.yml\n", "BACKUP_THREADS=many\n"])
def test_where_nobody_can_tell_whether_it_is_productions_data_it_stays(shop: StackProject, lines: str) -> None:
    there = _volumes(shop)
    (shop.root / ".env.live").write_text(lines)
    with pytest.raises(RefusedError, match="whether it is also that of 'live' could not be seen: ") as caught:
        loss_of_volumes(shop.open())
    assert "'invoke env.check -e live'" in caught.value.hint
    assert _volumes(shop) == there


def test_how_old_the_last_backup_is_and_what_proves_it_is_said(shop: StackProject) -> None:
    # A backup of the same environment; which database it is of does not matter here.
    elsewhere = open_project(shop.root, "docker", environ={"DATABASE_URL": f"sqlite:///{shop.root}/shop.db"})
    with sqlite3.connect(shop.root / "shop.db") as database:
        database.execute("CREATE TABLE things (name TEXT)")
    elsewhere.backup()
    (listed,) = shop.open().backups()
    identity, later = listed.manifest.id, listed.manifest.time + timedelta(days=2, hours=3, minutes=59)
    said = f"its last backup, {identity}, is 2 d 3 h old, and "
    elsewhere.verify(sample=50)
    assert f"{said}NOTHING PROVED that it restores; kept: " in loss_of_volumes(shop.open(), later)
    elsewhere.verify()
    assert f"{said}a verify read all of it, but no drill restored it; kept: " in loss_of_volumes(shop.open(), later)
    query = shop.root / "database" / "smoke" / "things.sql"
    query.parent.mkdir(parents=True)
    query.write_text("-- expects rows\nSELECT name FROM things")
    with pytest.raises(ChecksFailedError):
        elsewhere.drill()
    assert f"{said}it restores, but ITS DATA MAY BE WRONG: smoke query 'things'" in loss_of_volumes(shop.open(), later)
    query.unlink()
    elsewhere.drill()
    assert f"{said}a drill proved that it restores; kept: " in loss_of_volumes(shop.open(), later)
    for path in (shop.root / "backups").rglob("*"):
        if path.is_file() and "objects" in path.parts:
            path.chmod(0o600)
            path.write_bytes(b"spoilt")
    elsewhere.verify()
    assert f"{said}IT IS BAD: " in loss_of_volumes(shop.open(), later)
    project = shop.open()
    other = replace(project.config, name="another")
    assert "; THERE IS NO BACKUP of it; kept: " in loss_of_volumes(
        App(other, project.plugins, "docker", project.environ, project.reporter)
    )


def test_a_password_that_a_database_was_made_with_is_not_made_anew(shop: StackProject) -> None:
    lost = shop.root / ".secrets" / "docker" / "DATABASE_PASSWORD"
    lost.unlink()
    with pytest.raises(RefusedError, match="a database that was made with it is in the volume") as caught:
        shop.open().init_settings()
    assert not lost.exists()
    assert f"{shop.name}_data" in caught.value.message
    hint = caught.value.hint
    command = hint[hint.index("(umask") : hint.index("DATABASE_PASSWORD)") + len("DATABASE_PASSWORD)")]
    broken = command.replace("docker run", "false docker run")
    assert subprocess.run(["sh", "-c", broken], cwd=shop.root, check=False, timeout=60).returncode != 0
    assert not lost.exists(), "an empty secret is worse than none"
    subprocess.run(["sh", "-c", command], cwd=shop.root, check=True, timeout=60)
    assert (lost.read_text(), lost.stat().st_mode & 0o777) == ("kept\n", 0o600)
    assert shop.open().init_settings() == []


def test_another_secret_is_made_beside_a_database_that_there_is(shop: StackProject) -> None:
    (shop.root / ".secrets" / "docker" / "APP_SECRET_KEY").unlink()
    assert [change.path for change in shop.open().init_settings()] == [".secrets/docker/APP_SECRET_KEY"]


def test_where_there_is_no_database_yet_its_password_is_made(make_stack: MakeStack) -> None:
    project = make_stack(BOUND)
    (project.root / ".secrets" / "docker" / "DATABASE_PASSWORD").unlink()
    assert [change.path for change in project.open().init_settings()] == [".secrets/docker/DATABASE_PASSWORD"]
