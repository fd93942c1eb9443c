import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, LockedError, MigrationError
from deckinfra.migrations import Migrator
from deckinfra.ports import Seed
from tests.migrations.support import opened, three, write_folder, write_revision, write_three
from tests.support.servers import PASSWORD, rows, unreachable


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be somebody whom file modes bind: root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_text("Not a database, but long enough to be taken for one. " * 20)
    before = path.read_bytes()
    migrator = three(tmp_path, DatabaseURL("sqlite", database=str(path)))
    for call in (migrator.status, migrator.history, migrator.upgrade, migrator.downgrade):
        with pytest.raises(DatabaseError, match="is not a SQLite database") as caught:
            call()
        assert "Nothing was changed" in caught.value.hint
    assert before == path.read_bytes()


def test_a_folder_in_the_place_of_the_database_cannot_be_opened(tmp_path: Path) -> None:
    migrator = three(tmp_path, DatabaseURL("sqlite", database=str(tmp_path)))
    for call in (migrator.status, migrator.upgrade):
        with pytest.raises(DatabaseError, match="cannot be opened") as caught:
            call()
        assert "DATABASE_URL" in caught.value.hint


def test_a_link_that_leads_nowhere_is_an_error_and_not_a_missing_database(tmp_path: Path) -> None:
    (tmp_path / "app.db").symlink_to(tmp_path / "gone" / "app.db")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        three(tmp_path, DatabaseURL("sqlite", database=str(tmp_path / "app.db"))).status()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(DatabaseError, match="cannot be opened"):
        three(tmp_path, DatabaseURL("sqlite", database=str(tmp_path / "var" / "app.db"))).upgrade()


def test_a_file_that_may_not_be_written_can_be_read_and_is_left_as_it_is(open_folder: Path) -> None:
    url = DatabaseURL("sqlite", database=str(open_folder / "app.db"))
    migrator = three(open_folder, url)
    migrator.upgrade("0001")
    Path(url.database).chmod(0o444)
    before = Path(url.database).read_bytes()
    with ordinary_user():
        assert migrator.status().state == "behind"
        with pytest.raises(DatabaseError, match="cannot be written to: attempt to write a readonly database"):
            migrator.upgrade()
    assert before == Path(url.database).read_bytes()


def test_a_folder_that_may_not_be_entered_is_not_taken_for_an_empty_one(open_folder: Path) -> None:
    migrator = three(open_folder, DatabaseURL("sqlite", database=str(open_folder / "var" / "app.db")))
    migrator.upgrade()
    (open_folder / "var").chmod(0o000)
    with ordinary_user(), pytest.raises(DatabaseError, match="cannot be opened"):
        migrator.status()
    (open_folder / "var").chmod(0o755)


def test_a_folder_that_may_not_be_written_is_told(open_folder: Path) -> None:
    migrator = three(open_folder, DatabaseURL("sqlite", database=str(open_folder / "var" / "app.db")))
    open_folder.chmod(0o555)
    with ordinary_user(), pytest.raises(DatabaseError, match="cannot be made: Permission denied"):
        migrator.upgrade()


def test_a_database_that_others_hold_is_waited_for_and_then_given_up(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    three(tmp_path, sqlite_url).upgrade()
    migrator = Migrator(tmp_path / "migrations", sqlite_url, lock_wait=0.05)
    with opened(sqlite_url) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LockedError) as caught:
            migrator.status()
    assert caught.value.hint.endswith("Run it again when the other one is done.")


def test_a_damaged_database_is_told_from_none(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    path = Path(sqlite_url.database)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 3996 + whole[4096:])
    with pytest.raises(DatabaseError, match="is damaged") as caught:
        migrator.status()
    assert "invoke db.restore" in caught.value.hint


# On servers ---------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_told_with_what_to_look_at(tmp_path: Path, server_url: DatabaseURL) -> None:
    with pytest.raises(DatabaseError, match="cannot be reached") as caught:
        Migrator(write_three(tmp_path / "m"), unreachable(server_url)).status()
    assert "Is the server running" in caught.value.hint
    assert PASSWORD not in caught.value.message


def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path, server_url: DatabaseURL) -> None:
    url = server_url.with_password(Secret("wrong-password"))
    with pytest.raises(DatabaseError, match="refuses this user or password") as caught:
        Migrator(write_three(tmp_path / "m"), url).upgrade()
    assert "DATABASE_PASSWORD" in caught.value.hint
    assert "wrong-password" not in f"{caught.value.message} {caught.value.hint}"


def test_no_password_at_all_is_told(tmp_path: Path, server_url: DatabaseURL) -> None:
    url = replace(server_url, username="", password=None)
    with pytest.raises(DatabaseError, match="refuses this user"):
        Migrator(write_three(tmp_path / "m"), url).status()


def test_a_database_that_is_not_on_the_server_is_told(tmp_path: Path, server_url: DatabaseURL) -> None:
    # Without the right to look, a server says that access is denied and not that there is nothing.
    with pytest.raises(DatabaseError, match=r"refuses this user|does not exist"):
        Migrator(write_three(tmp_path / "m"), server_url.with_database("nothing")).status()


def test_a_mysql_server_is_no_mariadb(tmp_path: Path, mysql_server: object, sqlite_url: DatabaseURL) -> None:
    from tests.support.servers import Server

    assert isinstance(mysql_server, Server)
    with pytest.raises(DatabaseError, match="not a MariaDB"):
        Migrator(write_three(tmp_path / "m"), replace(mysql_server.url("first"), dialect="mariadb")).status()


def test_a_failing_statement_says_what_the_server_may_have_kept(tmp_path: Path, server_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "m")
    write_revision(folder, "0004", "0003", "op.create_table('half', sa.Column('id', sa.Integer))\nop.drop_table('no')")
    migrator = Migrator(folder, server_url)
    with pytest.raises(MigrationError) as caught:
        migrator.upgrade()
    assert caught.value.message.startswith(f"revision 0004 failed on {server_url}: Unknown table")
    assert "a part of it may be in place" in caught.value.hint
    assert "at revision 0003" in caught.value.hint
    assert PASSWORD not in caught.value.message
    assert migrator.status().current == ("0003",)
    assert ("half",) in rows(server_url, "SHOW TABLES")


def test_a_table_that_others_hold_is_waited_for_and_then_given_up(tmp_path: Path, server_url: DatabaseURL) -> None:
    import pymysql

    folder = write_three(tmp_path / "m")
    write_revision(folder, "0004", "0003", "op.add_column('first', sa.Column('more', sa.Integer))")
    Migrator(folder, server_url).upgrade("0003")
    assert server_url.port is not None
    holder = pymysql.connect(
        host="127.0.0.1", port=server_url.port, user="deck", password=PASSWORD, database=server_url.database
    )
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT * FROM first")  # and the transaction stays open, with its metadata lock
        with pytest.raises(LockedError, match=r"revision 0004 failed .*Lock wait timeout exceeded"):
            Migrator(folder, server_url, lock_wait=1).upgrade()
    finally:
        holder.close()
    assert Migrator(folder, server_url).upgrade().after == ("0004",)


def test_a_seed_on_a_server_is_all_or_nothing(tmp_path: Path, server_url: DatabaseURL) -> None:
    def plant(connection: object) -> int:
        from sqlalchemy import Connection

        assert isinstance(connection, Connection)
        for value in (1, 2, 2):
            connection.exec_driver_sql(f"INSERT INTO first VALUES ({value})")
        return 3

    migrator = Migrator(write_three(tmp_path / "m"), server_url)
    migrator.upgrade()
    with pytest.raises(DatabaseError, match="the seed 'twice' failed: Duplicate entry '2'"):
        migrator.seed([Seed("twice", plant)])
    assert rows(server_url, "SELECT * FROM first") == []


def test_an_error_whose_text_holds_the_password_shows_it_redacted(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, "raise RuntimeError('connect with s3cret-pass failed')")
    migrator = Migrator(folder, sqlite_url.with_password(Secret("s3cret-pass")))
    with pytest.raises(MigrationError, match="connect with ••• failed"):
        migrator.upgrade()
