from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.tasks.support import Project


def _names(project: Project) -> list[str]:
    with closing(sqlite3.connect(project.root / "var/shop.db")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY id")]


def _spoil(project: Project) -> None:
    with closing(sqlite3.connect(project.root / "var/shop.db")) as connection, connection:
        connection.execute("UPDATE things SET name = 'spoilt'")


def test_a_restore_brings_the_data_back_and_can_be_undone(ready: Project) -> None:
    before = _names(ready)
    _spoil(ready)
    restored = ready.invoke("db.restore", "--yes")
    assert restored.code == 0
    assert "is live." in restored.out
    assert "'invoke db.undo-restore' puts it back." in restored.out
    assert _names(ready) == before
    undone = ready.invoke("db.undo-restore", "--yes")
    assert "is live again." in undone.out
    put_back, now_kept = undone.out.splitlines()
    assert "(replaced by snapshot 2" in put_back
    assert "(replaced by" in now_kept
    assert "undo" in now_kept
    assert _names(ready) == ["spoilt"] * 3
    assert ready.invoke("db.undo-restore", "--yes", "--json").document["kept"] is not None
    assert _names(ready) == before


def test_a_restore_into_nothing_says_that_there_was_nothing(ready: Project) -> None:
    before = _names(ready)
    (ready.root / "var/shop.db").unlink()
    restored = ready.invoke("db.restore", "-y")
    assert "There was no database before." in restored.out
    assert _names(ready) == before


def test_a_restore_is_refused_without_consent(ready: Project) -> None:
    _spoil(ready)
    refused = ready.invoke("db.restore")
    assert (refused.code, refused.out) == (10, "")
    assert "replace the database of 'local' by snapshot 2" in refused.err
    assert "of environment 'local' of project 'shop', taken 2" in refused.err
    undo = ready.invoke("db.undo-restore")
    assert (undo.code, undo.err.count("by what a restore replaced")) == (10, 1)
    assert _names(ready) == ["spoilt"] * 3


def test_a_restore_may_be_agreed_to_on_a_terminal(ready: Project) -> None:
    before = _names(ready)
    _spoil(ready)
    declined = ready.on_terminal("db.restore", typed="n\n")
    assert (declined.code, _names(ready)) == (10, ["spoilt"] * 3)
    agreed = ready.on_terminal("db.restore", typed="y\n")
    assert (agreed.code, _names(ready)) == (0, before)


def test_a_snapshot_with_nothing_in_it_is_warned_of_before_the_question(ready: Project) -> None:
    live = ready.root / "var/shop.db"
    full = live.read_bytes()
    with closing(sqlite3.connect(live)) as connection, connection:
        connection.execute("DROP TABLE things")
        connection.execute("DROP TABLE alembic_version")
    assert ready.invoke("db.backup").code == 0
    same = ready.invoke("db.restore", "-y").err
    assert ("has no table" in same, "has no row of table 'things', and an earlier one, 2" in same) == (False, True)
    live.write_bytes(full)
    refused = ready.invoke("db.restore")
    assert refused.code == 10
    assert "has no table, and the database has 1 now" in refused.err
    assert "has no revision, and the database is at 0001" in refused.err
    assert refused.err.index("has no table") < refused.err.index("consent is needed")
    assert "has no table" in ready.invoke("db.restore", "-y").err
    live.write_bytes(b"no database")
    assert ready.invoke("db.restore", "-y").code == 0


def test_nothing_to_undo_ends_with_2(ready: Project) -> None:
    assert ready.invoke("db.undo-restore", "-y").code == 2


def test_a_restore_prints_json(ready: Project) -> None:
    document = ready.invoke("db.restore", "-y", "--json", "--snapshot=latest").document
    assert set(document) == {"manifest", "kept", "compared", "seconds", "into"}


def test_undoing_where_nothing_is_live_keeps_nothing(ready: Project) -> None:
    before = _names(ready)
    ready.invoke("db.restore", "-y")
    (ready.root / "var/shop.db").unlink()
    undone = ready.invoke("db.undo-restore", "-y")
    assert (undone.code, len(undone.out.splitlines())) == (0, 1)
    assert _names(ready) == before


def test_what_was_kept_is_listed_and_discarded(ready: Project) -> None:
    assert ready.invoke("db.kept").out == "No restore has replaced anything that is kept.\n"
    for _ in range(3):
        ready.invoke("db.restore", "-y")
    newest, *others = ready.invoke("db.kept", "--json").document
    assert newest["reason"].startswith("replaced by snapshot ")
    assert newest["id"] in ready.invoke("db.kept").out
    assert ready.invoke("db.kept", f"--discard={newest['id']}").code == 10
    assert ready.invoke("db.kept", f"--discard={newest['id']}", "-y", "--json").document == others
    assert ready.invoke("db.kept", "--discard=nothing", "-y").code == 2
    assert ready.invoke("db.kept", "--discard=all", "-y", "--json").document == []


def test_what_cannot_be_put_back_is_not_promised_to_be(ready: Project) -> None:
    before = _names(ready)
    (ready.root / "var/shop.db").write_bytes(b"no database")
    restored = ready.invoke("db.restore", "-y")
    assert (restored.code, _names(ready)) == (0, before)
    assert "What it replaced was no readable database; its file is kept as 2" in restored.out
    assert "undo-restore" not in restored.out
    assert ready.invoke("db.undo-restore", "-y").code == 4


def test_a_snapshot_goes_into_a_file_beside_the_live_one(ready: Project) -> None:
    before = _names(ready)
    _spoil(ready)
    restored = ready.invoke("db.restore", "--into=var/rescue.db", "--from=file:backups/local")
    assert (restored.code, "is in sqlite:///" in restored.out) == (0, True)
    assert _names(ready) == ["spoilt"] * 3
    with closing(sqlite3.connect(ready.root / "var/rescue.db")) as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM things ORDER BY id")] == before
    again = ready.invoke("db.restore", "--into=var/rescue.db")
    assert (again.code, "there is a database already" in again.err) == (10, True)


def test_options_of_a_restore_that_mean_nothing_are_refused(ready: Project) -> None:
    wrong = {
        ("--remote=usb", "--from=file:x"): "both --remote and --from",
        ("--from=usb",): "no URL of a repository",
        ("--tables=,",): "no table is named",
        ("--tables=things", "--accounts"): "some tables alone",
    }
    for options, told in wrong.items():
        refused = ready.invoke("db.restore", *options, "--yes")
        assert (refused.code, told in refused.err) == (2, True), refused.err
    whole = ready.invoke("db.restore", "--tables=things", "--yes")
    assert (whole.code, "as a whole" in whole.err) == (10, True)
