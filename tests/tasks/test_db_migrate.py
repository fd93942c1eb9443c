from __future__ import annotations

import shutil

from tests.tasks.support import Project

SECOND = '''"""Another table."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("more")
'''


def test_migrate_applies_what_is_missing_and_then_nothing(ready: Project) -> None:
    ready.write("migrations/versions/0002_more.py", SECOND)
    behind = ready.invoke("db.status")
    assert "The database is behind." in behind.out
    assert "pending:  0002 ('invoke db.migrate' applies them)" in behind.out
    applied = ready.invoke("db.migrate")
    assert applied.out.startswith("Applied 1 revision in ")
    assert ready.invoke("db.migrate").out == "Nothing to do; the database is at 0002.\n"
    assert ready.invoke("db.status").out.startswith("The database is up to date.\n")


def test_rollback_takes_back_only_with_consent(ready: Project) -> None:
    refused = ready.invoke("db.rollback")
    assert refused.code == 10
    assert "take back migrations of 'local' (-1)" in refused.err
    document = ready.invoke("db.rollback", "--yes", "--json").document
    assert (document["direction"], document["revisions"], document["after"]) == ("down", ["0001"], [])
    assert "Nothing to do; the database is at no revision." in ready.invoke("db.rollback", "-y", "--target=base").out


def test_a_rollback_may_be_agreed_to_on_a_terminal(ready: Project) -> None:
    taken_back = ready.on_terminal("db.rollback", typed="y\n")
    assert taken_back.code == 0
    assert "Took back 1 revision" in taken_back.out


def test_history_lists_the_revisions(ready: Project) -> None:
    ready.write("migrations/versions/0002_more.py", SECOND)
    lines = ready.invoke("db.history").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["0001", "yes"], ["0002", "0001"]]
    document = ready.invoke("db.history", "--json").document
    assert [entry["applied"] for entry in document] == [True, False]


def test_an_unknown_revision_ends_with_2(ready: Project) -> None:
    ended = ready.invoke("db.migrate", "--target=nope")
    assert ended.code == 2
    assert "unknown revision 'nope'" in ended.err


def test_a_revision_is_written_with_a_message(ready: Project) -> None:
    refused = ready.invoke("db.revision", "--message= ")
    assert (refused.code, "a revision needs a message" in refused.err) == (2, True)
    written = ready.invoke("db.revision", "--message=add favourites")
    assert written.code == 0
    assert len(list((ready.root / "migrations" / "versions").glob("*add_favourites*.py"))) == 1
    assert "path" in ready.invoke("db.revision", "--message=other", "--json").document


def test_seed_adds_what_is_absent(ready: Project) -> None:
    assert ready.invoke("db.seed").out == "things: all there already\n"
    ready.invoke("db.rollback", "-y")
    ready.invoke("db.migrate")
    assert ready.invoke("db.seed").out == "things: added 3 rows\n"
    assert ready.invoke("db.seed", "--json").document == {"things": 0}
    nobody = ready.invoke("db.seed", environ={"DECKINFRA_DISABLE_PLUGINS": "shop"})
    assert nobody.out == "No plugin brings example data.\n"


def test_seed_is_refused_in_production(ready: Project) -> None:
    refused = ready.invoke("db.seed", environ={"DECKINFRA_STAGE": "production"})
    assert refused.code in {3, 10}
    assert "Nothing was" in refused.err


def test_with_backup_data_is_backed_up_before_it_is_migrated_and_only_then(ready: Project) -> None:
    assert "Nothing to do" in ready.invoke("db.migrate", "--backup").out
    before = ready.invoke("db.backups", "--json").document
    ready.write("migrations/versions/0002_more.py", SECOND)
    assert ready.invoke("db.migrate", "--backup", "--json").document["after"] == ["0002"]
    taken = ready.invoke("db.backups", "--json").document
    assert len(taken) == len(before) + 1
    assert taken[0]["manifest"]["revisions"] == ["0001"]


def test_without_the_backup_that_was_asked_for_nothing_is_applied(ready: Project) -> None:
    ready.write("migrations/versions/0002_more.py", SECOND)
    shutil.rmtree(ready.root / "backups", ignore_errors=True)
    (ready.root / "backups").write_text("in the way")
    assert ready.invoke("db.migrate", "--backup").code == 6
    assert ready.invoke("db.status", "--json").document["current"] == ["0001"]


def test_an_empty_database_needs_no_backup(project: Project) -> None:
    assert project.invoke("db.migrate", "--backup", "--json").document["after"] == ["0001"]
    assert not list((project.root / "backups").glob("*/snapshots"))
