import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DatabaseError, LockedError, MigrationError
from deckinfra.migrations import Migrator
from tests.migrations.support import (
    create,
    drop,
    opened,
    query,
    tables,
    three,
    write_folder,
    write_revision,
    write_three,
)

HALF = f"{create('fourth')}\nop.execute(\"INSERT INTO fourth VALUES (1)\")\nop.execute('DELETE FROM first')"


def test_a_revision_that_fails_leaves_the_database_at_the_one_before(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0004", "0003", f"{HALF}\nop.execute('INSERT INTO nowhere VALUES (1)')")
    migrator = Migrator(folder, sqlite_url)
    migrator.upgrade("0001")
    query(sqlite_url, "INSERT INTO first VALUES (1)")
    with pytest.raises(MigrationError) as caught:
        migrator.upgrade()
    assert caught.value.message == f"revision 0004 failed on {sqlite_url}: no such table: nowhere"
    assert caught.value.hint.startswith("Nothing of it was kept: the database is at revision 0003.")
    assert migrator.status().current == ("0003",)
    assert ({"first", "second", "third"}, [(1,)]) == (tables(sqlite_url), query(sqlite_url, "SELECT id FROM first"))


def test_the_first_revision_that_fails_leaves_an_empty_database(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, f"{create('first')}\nraise RuntimeError('half-way')")
    with pytest.raises(MigrationError, match=r"revision 0001 failed on .*: RuntimeError: half-way") as caught:
        Migrator(folder, sqlite_url).upgrade()
    assert "the database is at no revision" in caught.value.hint
    assert query(sqlite_url, "SELECT name FROM sqlite_master") == []


def test_a_way_back_that_fails_leaves_the_revision_applied(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0004", "0003", create("fourth"), f"{drop('fourth')}\n{drop('nowhere')}")
    migrator = Migrator(folder, sqlite_url)
    migrator.upgrade()
    with pytest.raises(MigrationError, match="revision 0004 failed"):
        migrator.downgrade("0002")
    assert migrator.current() == ("0004",)
    assert "fourth" in tables(sqlite_url)


def test_an_error_of_ours_in_a_revision_comes_through_as_it_is(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    raising = "from deckinfra.errors import ConfigurationError\nraise ConfigurationError('no such file')"
    write_revision(folder, "0001", None, raising)
    with pytest.raises(ConfigurationError, match="no such file"):
        Migrator(folder, sqlite_url).upgrade()


def test_an_error_of_sqlalchemy_itself_is_told_without_its_links(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, "op.get_bind().begin()")
    with pytest.raises(MigrationError, match=r"revision 0001 failed .*already initialized a SQLAlchemy") as caught:
        Migrator(folder, sqlite_url).upgrade()
    assert "sqlalche.me" not in caught.value.message


def test_parameters_do_not_show_in_the_message(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    body = "op.get_bind().execute(sa.text('INSERT INTO nowhere VALUES (:p)'), {'p': 'hunter2-secret'})"
    write_revision(folder, "0001", None, body)
    with pytest.raises(MigrationError) as caught:
        Migrator(folder, sqlite_url).upgrade()
    assert "hunter2" not in caught.value.message + caught.value.hint


PARENT_AND_CHILD = """
op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9)))
reference = sa.ForeignKey("parent.id", ondelete="CASCADE")
op.create_table("child", sa.Column("parent", sa.Integer, reference))
op.execute("INSERT INTO parent VALUES (1, 'one'), (2, 'two')")
op.execute("INSERT INTO child VALUES (1), (2)")
"""
REBUILD = """
with op.batch_alter_table("parent", recreate="always") as batch:
    batch.alter_column("name", nullable=False, existing_type=sa.String(9))
"""


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, PARENT_AND_CHILD)
    write_revision(folder, "0002", "0001", REBUILD)
    Migrator(folder, sqlite_url).upgrade()
    assert query(sqlite_url, "SELECT parent FROM child") == [(1,), (2,)]
    assert query(sqlite_url, "SELECT \"table\" FROM pragma_foreign_key_list('child')") == [("parent",)]


def test_a_revision_that_leaves_rows_without_their_parent_is_taken_back(
    tmp_path: Path, sqlite_url: DatabaseURL
) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, PARENT_AND_CHILD)
    write_revision(folder, "0002", "0001", "op.execute('DELETE FROM parent')")
    migrator = Migrator(folder, sqlite_url)
    with pytest.raises(MigrationError, match=r"refer to rows which are not there: 2 of child to parent") as caught:
        migrator.upgrade()
    assert "at revision 0001" in caught.value.hint
    assert migrator.current() == ("0001",)
    assert query(sqlite_url, "SELECT count(*) FROM parent") == [(2,)]


def test_rows_that_had_no_parent_before_do_not_stop_a_revision(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_folder(tmp_path / "migrations")
    write_revision(folder, "0001", None, PARENT_AND_CHILD)
    write_revision(folder, "0002", "0001", create("other"))
    migrator = Migrator(folder, sqlite_url)
    migrator.upgrade("0001")
    query(sqlite_url, "INSERT INTO child VALUES (99)")
    assert migrator.upgrade().after == ("0002",)


def test_a_database_that_is_in_use_is_left_alone(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    three(tmp_path, sqlite_url).upgrade("0001")
    migrator = Migrator(tmp_path / "migrations", sqlite_url, lock_wait=0.05)
    with opened(sqlite_url) as other:
        other.execute("BEGIN IMMEDIATE")
        assert migrator.status().state == "behind"
        with pytest.raises(LockedError, match="in use by somebody else: database is locked"):
            migrator.upgrade()
    assert migrator.upgrade().after == ("0003",)


def test_a_disk_without_room_is_no_fault_of_the_revision(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    fill = "op.execute('PRAGMA max_page_count = 1')\nop.execute('INSERT INTO first VALUES (1)')"
    write_revision(folder, "0004", "0003", f"{fill}\n{create('fourth')}")
    migrator = Migrator(folder, sqlite_url)
    with pytest.raises(DatabaseError, match="no room left to grow") as caught:
        migrator.upgrade()
    assert "Make room, run it again" in caught.value.hint
    assert migrator.current() == ("0003",)


def test_an_env_that_fails_is_named_and_nothing_was_run(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    folder = write_three(tmp_path / "migrations")
    (folder / "env.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(MigrationError, match=r"env.py failed: ModuleNotFoundError: No module named") as caught:
        Migrator(folder, sqlite_url).upgrade()
    assert "No revision was run" in caught.value.hint


def test_nothing_is_printed_and_logging_stays_as_it_is(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    write_three(tmp_path / "migrations")
    code = (
        "import logging, sys\nfrom pathlib import Path\nfrom deckinfra.migrations import Migrator\n"
        "from deckinfra.core.urls import DatabaseURL\n"
        "assert 'sqlalchemy' not in sys.modules and 'alembic' not in sys.modules\n"
        "before = (logging.root.level, list(logging.root.handlers))\n"
        "m = Migrator(Path(sys.argv[1]), DatabaseURL('sqlite', database=sys.argv[2]))\n"
        "m.upgrade(); m.history(); m.new_revision('more'); m.downgrade('base')\n"
        "assert before == (logging.root.level, list(logging.root.handlers))\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "migrations"), sqlite_url.database]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


BLOCKING = f"""
{HALF}
if "MARK" in os.environ:
    op.execute("INSERT INTO first SELECT value FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL "
               "SELECT value + 1 FROM n WHERE value < 300000) SELECT value FROM n)")
    Path(os.environ["MARK"]).touch()
    time.sleep(120)
"""


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_killed_in_the_middle_it_is_at_the_revision_before_and_the_next_run_finishes(
    tmp_path: Path, sqlite_url: DatabaseURL, journal: str
) -> None:
    folder = write_three(tmp_path / "migrations")
    write_revision(folder, "0004", "0003", BLOCKING)
    migrator = Migrator(folder, sqlite_url)
    migrator.upgrade("0002")
    assert [(journal,)] == query(sqlite_url, f"PRAGMA journal_mode = {journal}")
    query(sqlite_url, "INSERT INTO first VALUES (7)")
    mark = tmp_path / "half-way"
    code = (
        "import sys\nfrom pathlib import Path\nfrom deckinfra.migrations import Migrator\n"
        "from deckinfra.core.urls import DatabaseURL\n"
        "Migrator(Path(sys.argv[1]), DatabaseURL('sqlite', database=sys.argv[2])).upgrade()\n"
    )
    command = [sys.executable, "-c", code, str(folder), sqlite_url.database]
    process = subprocess.Popen(command, env=os.environ | {"MARK": str(mark)})
    try:
        deadline = time.monotonic() + 60
        while not mark.exists():
            assert process.poll() is None, "it ended before it was half-way"
            assert time.monotonic() < deadline, "it did not get half-way within 60 s"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait(timeout=30)
    status = migrator.status()
    assert (status.state, status.current, status.pending) == ("behind", ("0003",), ("0004",))
    assert ({"first", "second", "third"}, [(7,)]) == (tables(sqlite_url), query(sqlite_url, "SELECT id FROM first"))
    assert migrator.upgrade().revisions == ("0004",)
    assert (query(sqlite_url, "SELECT id FROM fourth"), query(sqlite_url, "SELECT id FROM first")) == ([(1,)], [])
    assert query(sqlite_url, "PRAGMA integrity_check") == [("ok",)]
