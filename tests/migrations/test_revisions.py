from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import MigrationError, UnknownNameError
from deckinfra.migrations import Migrator
from deckinfra.migrations.revisions import Revisions
from tests.migrations.support import create, drop, tables, write_folder, write_revision, write_three


def test_revisions_come_parents_first_whatever_their_files_are_called(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "a9", None, file="z.py")
    write_revision(folder, "b1", "a9", file="a.py")
    revisions = Revisions(folder)
    assert (list(revisions.all), revisions.heads) == (["a9", "b1"], ("b1",))


def test_a_file_with_an_error_in_it_is_named(tmp_path: Path) -> None:
    folder = write_three(tmp_path / "migrations")
    (folder / "versions" / "0004_bad.py").write_text("revision = = 4\n")
    with pytest.raises(MigrationError, match=r"cannot be read: invalid syntax \(0004_bad.py, line 1\)"):
        Revisions(folder)


def test_a_file_that_fails_when_it_is_loaded_is_named_with_the_line(tmp_path: Path) -> None:
    folder = write_three(tmp_path / "migrations")
    (folder / "versions" / "0004_bad.py").write_text("revision = '0004'\nraise ValueError\n")
    with pytest.raises(MigrationError, match=r"cannot be read: ValueError \(0004_bad.py, line 2\)") as caught:
        Revisions(folder)
    assert "The database was not touched" in caught.value.hint


def test_a_file_behind_a_link_is_named_as_well(tmp_path: Path) -> None:
    folder = write_three(tmp_path / "elsewhere")
    (folder / "versions" / "0004_bad.py").write_text("raise ValueError('bad')\n")
    (tmp_path / "migrations").symlink_to(folder)
    with pytest.raises(MigrationError, match=r"bad \(0004_bad.py, line 1\)"):
        Revisions(tmp_path / "migrations")


def test_a_revision_that_is_there_twice_is_an_error(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0003", "0002", create("other"), file="0003_other.py")
    with pytest.raises(MigrationError, match="Revision 0003 is present more than once"):
        Migrator(folder, sqlite_url).upgrade()
    assert not Path(sqlite_url.database).exists()


def test_a_parent_that_is_not_there_is_an_error(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0005", "0004")
    with pytest.raises(MigrationError, match=r"Revision 0004 referenced .* is not present"):
        Migrator(folder, sqlite_url).status()


def test_revisions_in_a_circle_are_an_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", "0002")
    write_revision(folder, "0002", "0001")
    with pytest.raises(MigrationError, match="Cycle is detected"):
        Revisions(folder)


def test_two_heads_are_refused_by_name_but_each_can_be_asked_for(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0003b", "0002", create("other"), drop("other"))
    migrator = Migrator(folder, sqlite_url)
    with pytest.raises(MigrationError, match="end in 2 heads: 0003, 0003b") as caught:
        migrator.upgrade()
    assert "down_revision" in caught.value.hint
    with pytest.raises(MigrationError, match="2 heads"):
        migrator.new_revision("next")
    assert migrator.upgrade("0003b").revisions == ("0001", "0002", "0003b")
    assert (migrator.status().state, migrator.status().pending) == ("behind", ("0003",))
    assert migrator.upgrade("heads").revisions == ("0003",)
    assert migrator.status().current == ("0003", "0003b")
    assert {"first", "second", "third", "other"} == tables(sqlite_url)


def test_a_revision_may_be_named_by_how_it_begins_if_only_one_does(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "abc1", None)
    write_revision(folder, "abd2", "abc1")
    write_revision(folder, "abd2x", "abd2")
    revisions = Revisions(folder)
    assert [step.revision.revision for step in revisions.plan_up("abc", ())] == ["abc1"]
    assert [step.revision.revision for step in revisions.plan_up("abd2", ("abc1",))] == ["abd2"]
    with pytest.raises(UnknownNameError, match="unknown revision 'ab'"):
        revisions.plan_up("ab", ())


def test_a_new_id_follows_the_highest_number(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "migrations")
    assert Revisions(folder).next_id() == "0001"
    write_revision(folder, "0041", None)
    write_revision(folder, "ffff", "0041")
    assert Revisions(folder).next_id() == "0042"
