from __future__ import annotations

from tests.tasks.support import Project

FILES = ["01-schema.sql", "02-indexes.sql", "03-seed-data.sql"]


def test_the_files_are_written_once_and_without_a_database(project: Project) -> None:
    first = project.invoke("db.init-sql")
    assert first.out.splitlines() == [
        f"database/init/{name}: written from the migrations and seeds" for name in FILES
    ], first.err
    assert "CREATE TABLE things (" in (project.root / "database/init/01-schema.sql").read_text()
    assert r"    (3, 'it''s three');" in (project.root / "database/init/03-seed-data.sql").read_text()
    assert not (project.root / "var").exists()
    again = project.invoke("db.init-sql")
    assert again.out == "The files are what the migrations and seeds say; nothing was changed.\n"


def test_only_what_changed_is_written_to_the_folder_that_was_asked_for(project: Project) -> None:
    assert project.invoke("db.init-sql", "--folder=sql").code == 0
    project.write("sql/02-indexes.sql", "-- mine")
    written = project.invoke("db.init-sql", "--folder=sql", "--json").document
    assert [change["path"] for change in written] == ["sql/02-indexes.sql"]


def test_a_revision_that_cannot_be_written_leaves_the_files_as_they_are(project: Project) -> None:
    project.invoke("db.init-sql")
    before = {path: path.read_text() for path in (project.root / "database/init").iterdir()}
    revision = project.root / "migrations/versions/0001_things.py"
    looking = "    op.get_bind().execute(sa.select(sa.literal(1)))\n    op.create_table"
    revision.write_text(revision.read_text().replace("    op.create_table", looking))
    ended = project.invoke("db.init-sql")
    assert (ended.code, ended.err.splitlines()[0]) == (5, "error: revision 0001 reads the database")
    assert {path: path.read_text() for path in (project.root / "database/init").iterdir()} == before


def test_a_folder_that_cannot_be_made_is_named(project: Project) -> None:
    project.write("database", "a file")
    ended = project.invoke("db.init-sql")
    assert ended.code == 3
    assert "database/init cannot be made: " in ended.err
