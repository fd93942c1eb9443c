"""Whatever is killed, and at whatever step: what was whole is whole, and the next run cleans up and says so."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deckinfra.core.retention import Policy
from tests.faults import project
from tests.faults.killing import Ran, Step, Victims

FIRST = "INSERT INTO a VALUES (100, 'first')"
SECOND = "INSERT INTO a VALUES (200, 'second')"
MODES = ("delete", "wal")


def prepared(root: Path, mode: str = "delete") -> None:
    """Migrate, and make a first backup of a database with something in it."""
    app = project.opened(root)
    app.migrate()
    execute_raw(root, f"PRAGMA journal_mode = {mode}")
    project.execute(root, FIRST, *(f"INSERT INTO b VALUES ({n}, '{'x' * 500}')" for n in range(100)))
    app.backup()


def execute_raw(root: Path, statement: str) -> None:
    with closing(sqlite3.connect(project.database(root), isolation_level=None)) as connection:
        connection.execute(statement)


@contextmanager
def told(step: Step) -> Iterator[None]:
    """Say at which step the process was killed when something is wrong after that."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"killed at {step}")
        raise


def content_of_copy(root: Path) -> Any:
    """Look at the database without changing anything: opening it would roll back what was under way."""
    copy = root.with_name("copy to look at")
    if not project.database(root).exists():
        return None
    shutil.copytree(project.database(root).parent, copy)
    try:
        return project.content(copy / project.database(root).name)
    finally:
        shutil.rmtree(copy)


def killed_everywhere(
    victims: Victims,
    root: Path,
    verb: str,
    states: list[Any],
    check: Callable[[Path, Ran], None],
    environ: Mapping[str, str] | None = None,
) -> None:
    """Kill ``verb`` at every step, each time on a fresh copy of the project, and run it again.

    ``states`` are what the database may be after the kill; the last of them is what it must be in the
    end. ``check`` looks at the rest.
    """
    steps = victims.steps(root, verb, environ)
    assert len(steps) > 5
    for step in steps:
        copy = root.with_name(f"{root.name} to be killed")
        shutil.copytree(root, copy)
        victims.kill(copy, verb, step, environ)
        with told(step):
            assert content_of_copy(copy) in states
            left = leftovers(copy)
            ran = victims.run(copy, verb, environ)
            assert ran.error == ""
            if left:
                assert ran.notes, left
            assert project.content(project.database(copy)) == states[-1]
            assert leftovers(copy) == []
            check(copy, ran)
            whole(copy)
        shutil.rmtree(copy)


def leftovers(root: Path) -> list[str]:
    """Give what a run must have cleaned up.

    What was being written to a repository before its writer had a lock is not: prune alone looks for that.
    """
    unlocked = ("backups/local/locks/.tmp-", "backups/local/.tmp-")
    return [name for name in project.leftovers(root) if not name.startswith(unlocked)]


def whole(root: Path) -> None:
    """Everything that is in the repository is whole, and nothing in it is for nothing."""
    if not project.repository(root).exists():
        return
    app = project.opened(root)
    verified = app.verify()
    assert [proof for proof in verified.proofs if not proof.good] == []
    assert verified.problems == ()
    pruned = app.prune(policy=Policy(last=1000))
    assert (pruned.removed_snapshots, pruned.removed_objects) == (0, 0)
    assert project.leftovers(root) == []


def nothing_more(root: Path, ran: Ran) -> None:
    """There is nothing else to look at."""


def kept_contents(root: Path) -> list[Any]:
    """Give what is in each kept state, newest first."""
    return [project.content(project.workspace(root) / f"kept-{kept.id}.db") for kept in project.opened(root).kept()]


# Migrate -----------------------------------------------------------------------------------------


def test_migrate_from_nothing(victims: Victims, root: Path) -> None:
    empty = ["BEGIN TRANSACTION;", "COMMIT;"]
    states = [None, empty, migrated(root, "0001"), migrated(root, "0002")]
    killed_everywhere(victims, root, "migrate", states, nothing_more)


def test_rollback(victims: Victims, root: Path) -> None:
    states = [migrated(root, "0002"), migrated(root, "0001")]
    project.opened(root).migrate()
    killed_everywhere(victims, root, "rollback", states, nothing_more)


def migrated(root: Path, target: str) -> Any:
    """Give what is in a database that was migrated to ``target``."""
    copy = root.with_name("migrated")
    shutil.copytree(root, copy)
    project.opened(copy).migrate(target)
    content = project.content(project.database(copy))
    shutil.rmtree(copy)
    return content


# Backup ------------------------------------------------------------------------------------------


def test_the_first_backup(victims: Victims, root: Path) -> None:
    project.opened(root).migrate()
    now = project.content(project.database(root))
    killed_everywhere(victims, root, "backup", [now], lambda copy, _: has_backups(copy, {1, 2}))


@pytest.mark.parametrize("mode", MODES)
def test_backup(victims: Victims, root: Path, mode: str) -> None:
    prepared(root, mode)
    project.execute(root, SECOND)
    now = project.content(project.database(root))
    killed_everywhere(victims, root, "backup", [now], lambda copy, _: has_backups(copy, {2, 3}))


def has_backups(root: Path, counts: set[int]) -> None:
    assert len(project.opened(root).backups()) in counts


# Restore and undo --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_restore_into_a_database_that_is_there(victims: Victims, root: Path, mode: str) -> None:
    prepared(root, mode)
    new = project.content(project.database(root))
    project.execute(root, SECOND)
    old = project.content(project.database(root))

    def check(copy: Path, ran: Ran) -> None:
        assert old in kept_contents(copy)
        assert set(map(str, kept_contents(copy))) <= {str(old), str(new)}

    killed_everywhere(victims, root, "restore", [old, new], check)


def test_restore_where_there_is_no_database(victims: Victims, root: Path) -> None:
    prepared(root)
    new = project.content(project.database(root))
    project.database(root).unlink()
    stray = project.database(root).with_name("app.db-journal")
    stray.write_bytes(b"of a database that is gone")
    killed_everywhere(victims, root, "restore", [None, new], nothing_more)


def test_restore_in_place_of_what_is_no_database(victims: Victims, root: Path) -> None:
    prepared(root)
    new = project.content(project.database(root))
    rubbish = b"this is no database " * 1000
    project.database(root).write_bytes(rubbish)
    steps = victims.steps(root, "restore")
    for step in steps:
        copy = root.with_name(f"{root.name} to be killed")
        shutil.copytree(root, copy)
        victims.kill(copy, "restore", step)
        with told(step):
            live = project.database(copy)
            went_live = live.read_bytes() != rubbish
            assert not went_live or content_of_copy(copy) == new
            ran = victims.run(copy, "restore")
            assert ran.error == ""
            assert project.content(live) == new
            assert leftovers(copy) == []
            (kept,) = [kept for kept in project.opened(copy).kept() if not kept.intact]
            path = project.workspace(copy) / f"kept-{kept.id}.db"
            assert path.read_bytes() == rubbish
            whole(copy)
        shutil.rmtree(copy)


@pytest.mark.parametrize("mode", MODES)
def test_undo_of_a_restore(victims: Victims, root: Path, mode: str) -> None:
    prepared(root, mode)
    restored = project.content(project.database(root))
    project.execute(root, SECOND)
    before = project.content(project.database(root))
    project.opened(root).restore()
    steps = victims.steps(root, "undo")
    for step in steps:
        copy = root.with_name(f"{root.name} to be killed")
        shutil.copytree(root, copy)
        victims.kill(copy, "undo", step)
        with told(step):
            assert content_of_copy(copy) in [before, restored]
            # Another undo would undo the undo if that had gone live. A drill cleans up, and changes nothing.
            live = content_of_copy(copy)
            assert victims.run(copy, "drill").error == ""
            assert project.content(project.database(copy)) == live
            assert (restored if live == before else before) in kept_contents(copy)
            assert leftovers(copy) == []
            assert victims.run(copy, "undo").error == ""
            assert project.content(project.database(copy)) == (restored if live == before else before)
            assert leftovers(copy) == []
        shutil.rmtree(copy)


def test_undo_where_there_is_no_database_any_more(victims: Victims, root: Path) -> None:
    prepared(root)
    project.execute(root, SECOND)
    before = project.content(project.database(root))
    project.opened(root).restore()
    project.database(root).unlink()
    for step in victims.steps(root, "undo"):
        copy = root.with_name(f"{root.name} to be killed")
        shutil.copytree(root, copy)
        victims.kill(copy, "undo", step)
        with told(step):
            live = content_of_copy(copy)
            assert live in [None, before]
            assert victims.run(copy, "drill").error == ""
            assert project.content(project.database(copy)) == live
            assert kept_contents(copy) == ([] if live else [before])
            assert leftovers(copy) == []
        shutil.rmtree(copy)


def test_killed_again_while_cleaning_up(victims: Victims, root: Path) -> None:
    prepared(root)
    new = project.content(project.database(root))
    project.execute(root, SECOND)
    old = project.content(project.database(root))
    steps = victims.steps(root, "restore")
    swaps = 0
    for first in steps[::2]:
        half_way = root.with_name("half-way")
        shutil.copytree(root, half_way)
        victims.kill(half_way, "restore", first)
        if not (project.workspace(half_way) / "journal.json").exists():
            shutil.rmtree(half_way)
            continue
        swaps += 1
        for second in victims.steps(half_way, "restore")[::2]:
            copy = root.with_name("killed twice")
            shutil.copytree(half_way, copy)
            victims.kill(copy, "restore", second)
            with told(first), told(second):
                assert content_of_copy(copy) in [old, new]
                assert victims.run(copy, "restore").error == ""
                assert project.content(project.database(copy)) == new
                assert old in kept_contents(copy)
                assert leftovers(copy) == []
            shutil.rmtree(copy)
        shutil.rmtree(half_way)
    assert swaps > 1


# Prune, verify, drill ----------------------------------------------------------------------------


def test_prune(victims: Victims, root: Path) -> None:
    prepared(root)
    app = project.opened(root)
    for n in range(3):
        project.execute(root, f"INSERT INTO b VALUES ({1000 + n}, '{n}')")
        app.verify(app.backup().id)
    newest = app.backups()[0].manifest.id
    now = project.content(project.database(root))

    def check(copy: Path, ran: Ran) -> None:
        assert [listed.manifest.id for listed in project.opened(copy).backups()] == [newest]
        assert {path.name for path in project.repository(copy).glob("proofs/*") if any(path.iterdir())} == {newest}

    killed_everywhere(victims, root, "prune", [now], check)


@pytest.mark.parametrize("verb", ["verify", "drill"])
def test_verify_and_drill(victims: Victims, root: Path, verb: str) -> None:
    prepared(root)
    now = project.content(project.database(root))
    killed_everywhere(victims, root, verb, [now], nothing_more)
