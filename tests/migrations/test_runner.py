from pathlib import Path
from typing import Any

import pytest

from deckinfra.core.migration import MigrationStatus, RevisionEntry
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import (
    ConfigurationError,
    DatabaseError,
    LockedError,
    MigrationError,
    UnknownNameError,
    UsageError,
)
from deckinfra.migrations import Migrator
from deckinfra.ports import Seed
from tests.migrations.support import create, opened, query, tables, three, write_folder, write_revision

ALL = ("0001", "0002", "0003")


def test_status_of_a_database_that_is_not_there_does_not_make_it(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    assert three(tmp_path, sqlite_url).status() == MigrationStatus("not migrated", (), ("0003",), ALL)
    assert not Path(sqlite_url.database).parent.exists()


def test_an_upgrade_makes_the_folder_and_the_file_and_applies_everything(
    tmp_path: Path, sqlite_url: DatabaseURL
) -> None:
    migrator = three(tmp_path, sqlite_url)
    result = migrator.upgrade()
    assert (result.direction, result.before, result.after, result.revisions) == ("up", (), ("0003",), ALL)
    assert result.seconds > 0
    assert {"first", "second", "third"} == tables(sqlite_url)
    assert migrator.status() == MigrationStatus("up to date", ("0003",), ("0003",), ())


def test_a_second_upgrade_has_nothing_to_do(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    before = Path(sqlite_url.database).read_bytes()
    result = migrator.upgrade()
    assert (result.before, result.after, result.revisions) == (("0003",), ("0003",), ())
    assert Path(sqlite_url.database).read_bytes() == before


def test_status_tells_behind_and_history_tells_which_are_applied(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade("0002")
    assert migrator.status() == MigrationStatus("behind", ("0002",), ("0003",), ("0003",))
    assert migrator.history() == (
        RevisionEntry("0001", (), "Revision 0001.", True),
        RevisionEntry("0002", ("0001",), "Revision 0002.", True),
        RevisionEntry("0003", ("0002",), "Revision 0003.", False),
    )


def test_a_database_that_the_code_is_older_than_is_ahead_and_is_left_alone(
    tmp_path: Path, sqlite_url: DatabaseURL
) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    (migrator.folder / "versions" / "0003_test.py").unlink()
    assert migrator.status() == MigrationStatus("ahead", ("0003",), ("0002",), ("0001", "0002"))
    for call in (migrator.upgrade, migrator.downgrade, migrator.pending):
        with pytest.raises(MigrationError, match=r"at revision 0003, which .* does not have"):
            call()
    assert {"first", "second", "third"} == tables(sqlite_url)


@pytest.mark.parametrize(
    ("target", "expected"),
    [("head", ALL), ("heads", ALL), ("+1", ("0001",)), ("+2", ("0001", "0002")), ("0002", ("0001", "0002"))],
)
def test_an_upgrade_goes_as_far_as_it_is_told_to(
    tmp_path: Path, sqlite_url: DatabaseURL, target: str, expected: tuple[str, ...]
) -> None:
    migrator = three(tmp_path, sqlite_url)
    assert migrator.pending(target) == expected
    assert migrator.upgrade(target).revisions == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("-1", ("0003",)),
        ("-2", ("0003", "0002")),
        ("0001", ("0003", "0002")),
        ("0003", ()),
        ("base", ("0003", "0002", "0001")),
    ],
)
def test_a_rollback_goes_as_far_as_it_is_told_to(
    tmp_path: Path, sqlite_url: DatabaseURL, target: str, expected: tuple[str, ...]
) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    assert migrator.revertible(target) == expected
    result = migrator.downgrade(target)
    assert ("down", expected) == (result.direction, result.revisions)
    assert len(tables(sqlite_url)) == 3 - len(expected)


def test_a_rollback_to_nothing_and_back_again_is_as_new(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    migrator.downgrade("base")
    assert migrator.status().state == "not migrated"
    assert migrator.downgrade().revisions == ()
    assert migrator.upgrade().revisions == ALL


def test_of_no_database_there_is_nothing_to_roll_back(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    assert three(tmp_path, sqlite_url).downgrade().revisions == ()
    assert not Path(sqlite_url.database).exists()


def test_a_target_that_is_applied_already_needs_nothing(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    assert migrator.upgrade("0001").revisions == ()


@pytest.mark.parametrize("target", ["0009", "", "heda", "first'); DROP TABLE first; --"])
def test_an_unknown_target_is_named_with_what_there_is(tmp_path: Path, sqlite_url: DatabaseURL, target: str) -> None:
    migrator = three(tmp_path, sqlite_url)
    for call in (migrator.upgrade, migrator.downgrade):
        with pytest.raises(UnknownNameError) as caught:
            call(target)
        assert caught.value.message == f"unknown revision '{target}'"
        assert "invoke db.history" in caught.value.hint
    assert not Path(sqlite_url.database).exists()


@pytest.mark.parametrize("target", ["base", "-1"])
def test_a_target_that_lies_back_is_none_for_an_upgrade(tmp_path: Path, sqlite_url: DatabaseURL, target: str) -> None:
    with pytest.raises(UsageError, match=f"'{target}' is no target to migrate to"):
        three(tmp_path, sqlite_url).upgrade(target)


@pytest.mark.parametrize("target", ["head", "+1"])
def test_a_target_that_lies_ahead_is_none_for_a_rollback(tmp_path: Path, sqlite_url: DatabaseURL, target: str) -> None:
    with pytest.raises(UsageError, match=r"is no target to roll back to"):
        three(tmp_path, sqlite_url).downgrade(target)


def test_a_rollback_to_a_revision_that_is_not_applied_is_refused(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade("0001")
    with pytest.raises(MigrationError, match="revision 0003 is not applied"):
        migrator.downgrade("0003")


def test_more_steps_than_there_are_is_an_error_that_counts_them(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    with pytest.raises(MigrationError, match="there are 3 revisions to apply, not 4"):
        migrator.upgrade("+4")
    migrator.upgrade("0002")
    with pytest.raises(MigrationError, match="there are 2 revisions to take back, not 3"):
        migrator.downgrade("-3")
    assert migrator.current() == ("0002",)


def test_a_project_without_a_migrations_folder_has_no_revisions(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = Migrator(tmp_path / "none", sqlite_url)
    assert migrator.status() == MigrationStatus("up to date", (), (), ())
    assert migrator.history() == ()
    assert migrator.upgrade().revisions == ()
    assert migrator.upgrade("+0").revisions == ()
    assert migrator.downgrade().revisions == ()
    with pytest.raises(UnknownNameError, match="unknown revision '0001'"):
        migrator.upgrade("0001")
    assert not Path(sqlite_url.database).exists()


def test_a_folder_without_revisions_has_none(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = Migrator(write_folder(tmp_path / "migrations"), sqlite_url)
    assert migrator.status().state == "up to date"
    assert migrator.upgrade().revisions == ()


def insert(table: str, *values: int) -> Any:
    def plant(connection: Any) -> int:
        for value in values:
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({value})")
        return len(values)

    return plant


def test_seeds_are_planted_in_order_and_counted(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    seeds = (Seed("one", insert("first", 1, 2)), Seed("two", insert("second", 3)))
    assert migrator.seed(seeds) == {"one": 2, "two": 1}
    assert query(sqlite_url, "SELECT id FROM first") == [(1,), (2,)]


def test_no_seeds_are_no_rows(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    assert three(tmp_path, sqlite_url).seed(()) == {}


def test_a_seed_that_fails_leaves_nothing_and_the_ones_before_it_stay(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    with pytest.raises(DatabaseError) as caught:
        migrator.seed((Seed("good", insert("first", 1)), Seed("bad", insert("second", 5, 5))))
    assert caught.value.message == "the seed 'bad' failed: UNIQUE constraint failed: second.id"
    assert "Nothing of it was kept" in caught.value.hint
    assert (query(sqlite_url, "SELECT id FROM first"), query(sqlite_url, "SELECT id FROM second")) == ([(1,)], [])


def test_a_seed_without_its_tables_says_where_to_look(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade("0001")
    with pytest.raises(DatabaseError, match="no such table: third") as caught:
        migrator.seed([Seed("third", insert("third", 1))])
    assert "invoke db.status" in caught.value.hint


def test_a_seed_of_a_database_that_is_not_there_says_to_migrate(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    with pytest.raises(DatabaseError, match="there is no database") as caught:
        three(tmp_path, sqlite_url).seed([Seed("first", insert("first", 1))])
    assert caught.value.hint == "Run `invoke db.migrate` first."
    assert not Path(sqlite_url.database).exists()


def test_a_seed_that_raises_our_error_or_any_other(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    def ours(connection: Any) -> int:
        raise ConfigurationError("no file")

    def other(connection: Any) -> int:
        raise KeyError("cards")

    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    with pytest.raises(ConfigurationError, match="no file"):
        migrator.seed([Seed("ours", ours)])
    with pytest.raises(DatabaseError, match="the seed 'other' failed: KeyError: 'cards'"):
        migrator.seed([Seed("other", other)])


def test_a_seed_that_waits_for_a_lock_in_vain_says_so(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    three(tmp_path, sqlite_url).upgrade()
    migrator = Migrator(tmp_path / "migrations", sqlite_url, lock_wait=0.05)
    with opened(sqlite_url) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="database is locked"):
            migrator.seed([Seed("first", insert("first", 1))])


def test_a_seed_whose_own_statement_is_kept_out_says_so(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    three(tmp_path, sqlite_url).upgrade()

    def attach(connection: Any) -> int:
        connection.exec_driver_sql("SELECT 1")
        other_path = sqlite_url.database + "-other"
        with opened(DatabaseURL("sqlite", database=other_path)) as other:
            other.execute("CREATE TABLE busy (id)")
            other.execute("BEGIN EXCLUSIVE")
            connection.exec_driver_sql("ATTACH ? AS other", (other_path,))
            connection.exec_driver_sql("INSERT INTO other.busy VALUES (1)")
        return 1

    migrator = Migrator(tmp_path / "migrations", sqlite_url, lock_wait=0.05)
    with pytest.raises(LockedError, match="database is locked"):
        migrator.seed([Seed("other", attach)])


def test_seeds_keep_to_the_foreign_keys(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    child = "op.create_table('child', sa.Column('parent', sa.Integer, sa.ForeignKey('parent.id')))"
    write_revision(folder, "0001", None, f"{create('parent')}\n{child}")
    migrator = Migrator(folder, sqlite_url)
    migrator.upgrade()
    with pytest.raises(DatabaseError, match="FOREIGN KEY constraint failed"):
        migrator.seed([Seed("orphan", insert("child", 7))])
