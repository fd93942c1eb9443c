"""A disk that is full, or that may not be written: a clear error, nothing lost, and it works once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deckinfra.errors import DatabaseError, StoreError
from deckinfra.testing.reporters import RecordingReporter
from tests.faults import project
from tests.faults.killing import Victims

NOBODY = 65534


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes, which only root can mount."""
    place = tmp_path / "small disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "deckinfra-tests", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def noise(root: Path, megabytes: float) -> None:
    """Put something into the database that cannot be compressed."""
    project.execute(root, f"INSERT INTO b (text) VALUES (randomblob({int(megabytes * 1e6)}))")


def fill(disk: Path, *, leave: int) -> Path:
    """Fill a disk but for ``leave`` bytes, with a file that can be removed again."""
    state = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"x" * (state.f_bavail * state.f_bsize - leave))
    return filler


def test_a_store_that_runs_full(root: Path, small_disk: Path) -> None:
    reporter = RecordingReporter()
    app = project.opened(root, reporter, {"BACKUP_REPOSITORY": f"file:{small_disk}"})
    app.migrate()
    first = app.backup(init=True)
    noise(root, 1)
    filler = fill(small_disk, leave=300_000)
    with pytest.raises(StoreError, match="no room left") as caught:
        app.backup()
    assert caught.value.hint
    assert [listed.manifest.id for listed in app.backups()] == [first.id]
    filler.unlink()
    app.backup()
    verified = app.verify()
    assert [proof.problems for proof in verified.proofs] == [(), ()]
    assert not list(small_disk.rglob(".tmp-*"))
    assert not list(small_disk.glob("locks/*"))


def test_a_store_without_room_for_a_lock_can_be_read(root: Path, small_disk: Path) -> None:
    reporter = RecordingReporter()
    app = project.opened(root, reporter, {"BACKUP_REPOSITORY": f"file:{small_disk}"})
    app.migrate()
    app.backup(init=True)
    was = project.content(project.database(root))
    project.execute(root, "DELETE FROM a")
    fill(small_disk, leave=0)
    app.restore()
    assert project.content(project.database(root)) == was
    assert any("reading without a lock" in warning for warning in reporter.warnings)


@pytest.fixture
def cramped(root: Path, small_disk: Path) -> Path:
    """A project with a backup, whose database has a small disk to itself."""
    project.database(root).parent.symlink_to(small_disk)
    app = project.opened(root)
    app.migrate()
    noise(root, 0.3)
    app.backup()
    project.execute(root, "DELETE FROM a")
    return root


def test_a_backup_without_room_for_its_snapshot(cramped: Path, small_disk: Path) -> None:
    app = project.opened(cramped)
    fill(small_disk, leave=100_000)
    with pytest.raises(DatabaseError, match=r"needs 0\.\d MB, and only 0\.\d MB are free") as caught:
        app.backup()
    assert "Nothing was changed" in caught.value.hint
    assert len(app.backups()) == 1
    assert project.leftovers(cramped) == []


@pytest.mark.parametrize("leave", [0, 100_000, 500_000, 800_000])
def test_a_restore_without_room(cramped: Path, small_disk: Path, leave: int) -> None:
    app = project.opened(cramped)
    was = project.content(project.database(cramped))
    filler = fill(small_disk, leave=leave)
    with pytest.raises(DatabaseError) as caught:
        app.restore()
    assert caught.value.hint
    assert project.content(project.database(cramped)) == was
    assert project.leftovers(cramped) == []
    assert app.kept() == []
    filler.unlink()
    app.restore()
    assert project.content(project.database(cramped)) != was
    app.undo_restore()
    assert project.content(project.database(cramped)) == was


def test_a_disk_that_runs_full_when_all_was_checked(cramped: Path, small_disk: Path) -> None:
    plugins = cramped / "plugins"
    plugins.mkdir()
    # Something else takes the room in between, as a log would.
    (plugins / "greedy.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from deckinfra.hookspecs import hookimpl\n\n"
        "@hookimpl\n"
        "def deckinfra_before_restore(project):\n"
        "    disk = project.root / 'var'\n"
        "    state = os.statvfs(disk)\n"
        "    (disk / 'filler').write_bytes(b'x' * (state.f_bavail * state.f_bsize - 1000))\n"
    )
    was = project.content(project.database(cramped))
    app = project.opened(cramped)
    with pytest.raises(DatabaseError):
        app.restore()
    assert project.content(project.database(cramped)) == was
    assert project.leftovers(cramped) == []
    assert app.kept() == []


def test_a_migration_on_a_full_disk(root: Path, small_disk: Path) -> None:
    project.database(root).parent.symlink_to(small_disk)
    app = project.opened(root)
    app.migrate("0001")
    was = project.content(project.database(root))
    filler = fill(small_disk, leave=0)
    with pytest.raises(DatabaseError) as caught:
        app.migrate()
    assert caught.value.hint
    assert project.content(project.database(root)) == was
    filler.unlink()
    app.migrate()
    assert app.migration_status().state == "up to date"
    assert project.leftovers(root) == []


# What may not be written -------------------------------------------------------------------------


@pytest.fixture
def guarded(root: Path) -> Path:
    """A project of somebody who is not root, with a repository that only root may write."""
    if os.geteuid() != 0:
        pytest.skip("to become another user takes root")
    app = project.opened(root)
    app.migrate()
    app.backup()
    root.parent.chmod(0o755)
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    for path in (project.repository(root), *project.repository(root).rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


def test_a_backup_to_a_store_that_may_not_be_written(victims: Victims, guarded: Path) -> None:
    ran = victims.run(guarded, "backup", user=NOBODY)
    assert ran.error.startswith("StoreError: could not store")
    assert "it is not allowed" in ran.error
    assert len(project.opened(guarded).backups()) == 1
    assert project.leftovers(guarded) == []


def test_a_restore_from_a_store_that_may_not_be_written(victims: Victims, guarded: Path) -> None:
    was = project.content(project.database(guarded))
    project.execute(guarded, "DELETE FROM a")
    ran = victims.run(guarded, "restore", user=NOBODY)
    assert ran.error == ""
    assert any("reading without a lock" in text for _, text in ran.events)
    assert project.content(project.database(guarded)) == was


def test_a_verify_of_a_store_that_may_not_be_written(victims: Victims, guarded: Path) -> None:
    ran = victims.run(guarded, "verify", user=NOBODY)
    assert ran.error == ""
    assert any("could not be kept" in text for _, text in ran.events)


def test_a_restore_into_a_folder_that_may_not_be_written(victims: Victims, guarded: Path) -> None:
    was = project.content(project.database(guarded))
    for path in (project.workspace(guarded), project.database(guarded), project.database(guarded).parent):
        os.chown(path, 0, 0)
    ran = victims.run(guarded, "restore", user=NOBODY)
    assert ran.error.startswith("DatabaseError: cannot write beside the database")
    assert project.content(project.database(guarded)) == was


def test_a_restore_into_a_file_that_may_not_be_written(victims: Victims, guarded: Path) -> None:
    project.execute(guarded, "DELETE FROM a")
    was = project.content(project.database(guarded))
    os.chown(project.database(guarded), 0, 0)
    ran = victims.run(guarded, "restore", user=NOBODY)
    assert ran.error.startswith("DatabaseError: SQLite cannot use")
    assert "readonly" in ran.error
    assert project.content(project.database(guarded)) == was
    assert project.leftovers(guarded) == []
