"""Several processes at work on one project: each waits, or goes on beside the others, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deckinfra.core.retention import Policy
from tests.faults import project
from tests.faults.killing import Ran, Victims

ROUNDS = 4


def at_once(victims: Victims, others: Victims, root: Path, one: str, other: str) -> tuple[Ran, Ran]:
    """Run two verbs in two processes, at the same time."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(victims.run, root, one, {"BACKUP_THREADS": "2"})
        second = pool.submit(others.run, root, other, {"BACKUP_THREADS": "2"})
        return first.result(), second.result()


def filled(root: Path) -> None:
    project.opened(root).migrate()
    project.execute(root, *(f"INSERT INTO b VALUES ({n}, '{n} {'x' * 400}')" for n in range(3000)))


def everything_is_whole(root: Path, snapshots: int) -> None:
    verified = project.opened(root).verify()
    assert verified.problems == ()
    assert [proof.problems for proof in verified.proofs] == [()] * snapshots
    assert project.leftovers(root) == []


def test_two_migrates(victims: Victims, others: Victims, root: Path) -> None:
    ran = at_once(victims, others, root, "migrate", "migrate")
    assert [each.error for each in ran] == ["", ""]
    assert project.opened(root).migration_status().state == "up to date"
    assert project.leftovers(root) == []


def test_two_first_backups(victims: Victims, others: Victims, root: Path) -> None:
    filled(root)
    ran = at_once(victims, others, root, "backup", "backup")
    assert [each.error for each in ran] == ["", ""]
    everything_is_whole(root, 2)


def test_two_backups(victims: Victims, others: Victims, root: Path) -> None:
    filled(root)
    project.opened(root).backup()
    for n in range(ROUNDS):
        project.execute(root, f"INSERT INTO a VALUES ({100 + n}, 'new')")
        ran = at_once(victims, others, root, "backup", "backup")
        assert [each.error for each in ran] == ["", ""]
        assert [each.events for each in ran] == [[], []]
    everything_is_whole(root, 1 + 2 * ROUNDS)


@pytest.mark.parametrize("other", ["backup", "verify", "drill", "restore", "prune"])
def test_a_prune_and_something_else(victims: Victims, others: Victims, root: Path, other: str) -> None:
    filled(root)
    app = project.opened(root)
    for n in range(ROUNDS):
        for k in range(2):
            project.execute(root, f"INSERT INTO a VALUES ({100 + 10 * n + k}, 'new')")
            app.backup()
        ran = at_once(victims, others, root, other, "prune")
        assert [each.error for each in ran] == ["", ""]
        everything_is_whole(root, len(app.backups()))
    assert app.prune(policy=Policy(last=1000)).removed_objects == 0


def test_a_restore_while_a_backup_runs(victims: Victims, others: Victims, root: Path) -> None:
    filled(root)
    app = project.opened(root)
    app.backup()
    new = project.content(project.database(root))
    for n in range(ROUNDS):
        project.execute(root, f"INSERT INTO a VALUES ({100 + n}, 'new')")
        old = project.content(project.database(root))
        first = app.backups()[-1].manifest.id
        with ThreadPoolExecutor(2) as pool:
            restoring = pool.submit(victims.run, root, "restore", {"SNAPSHOT": first})
            backing_up = pool.submit(others.run, root, "backup")
            assert (restoring.result().error, backing_up.result().error) == ("", "")
        assert project.content(project.database(root)) == new
        app.restore()
        assert project.content(project.database(root)) in [old, new]
        app.restore(first)
        for kept in app.kept():
            app.discard_kept(kept.id)
    everything_is_whole(root, 1 + ROUNDS)


def test_two_restores(victims: Victims, others: Victims, root: Path) -> None:
    filled(root)
    project.opened(root).backup()
    new = project.content(project.database(root))
    project.execute(root, "INSERT INTO a VALUES (100, 'new')")
    old = project.content(project.database(root))
    ran = at_once(victims, others, root, "restore", "restore")
    assert [each.error for each in ran] == ["", ""]
    assert project.content(project.database(root)) == new
    kept = [project.workspace(root) / f"kept-{kept.id}.db" for kept in project.opened(root).kept()]
    assert [project.content(path) for path in kept] == [new, old]
    assert project.leftovers(root) == []
