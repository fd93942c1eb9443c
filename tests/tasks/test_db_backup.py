from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.tasks.support import Project

NEXT_REVISION = '''"""New things."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''


def _largest_object(store: Path) -> Path:
    files = [path for path in (store / "objects").rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def test_a_backup_says_what_it_stored(ready: Project) -> None:
    taken = ready.invoke("db.backup")
    assert taken.code == 0
    assert "as snapshot " in taken.out
    assert "0 B of it new in 0 objects" in taken.out
    document = ready.invoke("db.backup", "--json").document
    assert (document["environment"], document["engine"], document["revisions"]) == ("local", "sqlite", ["0001"])


def test_progress_goes_to_stderr_as_json_lines(ready: Project) -> None:
    taken = ready.invoke("db.backup", "--json", "--progress=json")
    assert "id" in taken.document
    events = [json.loads(line) for line in taken.err.splitlines()]
    assert events
    assert {"event"} <= set(events[0])


def test_backups_lists_them_newest_first_with_their_proof(ready: Project) -> None:
    newest = ready.invoke("db.backup", "--json").document["id"]
    lines = ready.invoke("db.backups").out.splitlines()
    assert lines[0].split() == ["snapshot", "taken", "database", "revision", "size", "new", "proof"]
    assert lines[1].startswith(newest)
    assert lines[1].endswith(" none")
    assert lines[2].endswith(": good")
    listed = ready.invoke("db.backups", "--json").document
    assert [entry["proof"] is None for entry in listed] == [True, False]


def test_without_any_backup_the_list_says_how_to_take_one(ready: Project) -> None:
    for path in (ready.root / "backups/local/snapshots").iterdir():
        path.unlink()
    assert ready.invoke("db.backups").out == "There is no snapshot yet. 'invoke db.backup' takes one.\n"


def test_verify_finds_everything_whole(ready: Project) -> None:
    verified = ready.invoke("db.verify")
    assert verified.code == 0
    assert ": good" in verified.out
    assert ready.invoke("db.verify", "--snapshot=latest", "--json").document["problems"] == []


def test_verify_finds_a_flipped_bit_and_names_the_snapshot(ready: Project) -> None:
    path = _largest_object(ready.root / "backups/local")
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    verified = ready.invoke("db.verify")
    assert verified.code == 8
    assert ": DAMAGED" in verified.out
    assert "error: 1 snapshot is damaged: " in verified.err
    assert ready.invoke("db.verify", "--json").document["proofs"][0]["problems"]
    assert "BAD" in ready.invoke("db.backups").out


def test_a_sample_is_called_one_and_replaces_no_proof(ready: Project) -> None:
    ready.invoke("db.backup", "--progress=none")
    verified = ready.invoke("db.verify", "--sample=10%")
    assert verified.code == 0
    assert verified.out.count(": nothing wrong in a sample of 10 %") == 2
    newest, oldest = ready.invoke("db.backups").out.splitlines()[1:]
    assert (": good" in newest, "sample of 10 %" in newest) == (True, True)
    assert "drill" in oldest
    assert ready.invoke("status", "--json").document["last_proof"]["kind"] == "drill"
    refused = ready.invoke("db.verify", "--sample=all")
    assert (refused.code, "--sample is 'all'" in refused.err) == (2, True)


def test_a_drill_proves_the_latest_snapshot(ready: Project) -> None:
    drilled = ready.invoke("db.drill")
    assert drilled.code == 0
    assert "restores: loaded beside the live database and compared" in drilled.out
    assert ready.invoke("db.drill", "--json").document["proof"]["kind"] == "drill"


def test_data_that_is_not_right_is_told_by_the_drill_and_wherever_proofs_are_shown(ready: Project) -> None:
    query = ready.write("database/smoke/no-third-thing.sql", "SELECT id, name FROM things WHERE id > 2")
    drilled = ready.invoke("db.drill")
    assert (drilled.code, drilled.out) == (13, "")
    assert "warning: smoke query 'no-third-thing' gives 1 row that is wrong: (3, \"it's three\")" in drilled.err
    assert "restores, and 1 of 1 smoke queries failed: no-third-thing" in drilled.err
    assert ready.invoke("db.backups").out.splitlines()[1].endswith(": 1 of 1 QUERIES FAILED")
    warned = ready.invoke("db.restore").err
    assert "warning: snapshot " in warned
    assert ": smoke query 'no-third-thing' gives 1 row that is wrong\n" in warned
    status = ready.invoke("status")
    assert (status.code, "its data may be wrong: smoke query 'no-third-thing' gives 1 row" in status.out) == (13, True)
    query.write_text("SELECT id, name FROM things WHERE id > 3")
    drilled = ready.invoke("db.drill")
    assert drilled.code == 0
    assert "1 smoke query found nothing wrong." in drilled.out
    assert ready.invoke("db.backups").out.splitlines()[1].endswith(": good, 1 query")
    shown = ready.invoke("status").out
    assert (
        "restored beside the live database: 2 tables with 4 rows, 2 parts of the engine's own; 1 smoke query\n" in shown
    )


def test_a_snapshot_of_another_revision_is_not_asked_what_is_right_for_this_one(ready: Project) -> None:
    ready.write("database/smoke/new.sql", "SELECT id FROM new_things")
    ready.write("migrations/versions/0002_more.py", NEXT_REVISION)
    drilled = ready.invoke("db.drill", "--json")
    assert (drilled.code, drilled.document["proof"]["queries"]) == (0, [])
    assert " is at 0001, and they are for 0002" in drilled.err


def test_remotes_are_repositories_named_in_the_settings(ready: Project) -> None:
    environ = {"BACKUP_REMOTES": "near=file:near far=file:far"}
    assert ready.invoke("db.backup", "--remote", "--init", environ=environ).code == 0
    refused = ready.invoke("db.backup", "--remote=far", environ=environ)
    assert (refused.code, "'invoke db.backup --remote=far --init' makes it" in refused.err) == (7, True)
    assert ready.invoke("db.backup", "--remote=far", "--init", environ=environ).code == 0
    for name in ("near", "far"):
        assert len(ready.invoke("db.backups", f"--remote={name}", "--json", environ=environ).document) == 1
        assert ready.invoke("db.drill", f"--remote={name}", environ=environ).code == 0
        assert ready.invoke("db.verify", f"--remote={name}", environ=environ).code == 0
        assert ready.invoke("db.restore", f"--remote={name}", "-y", environ=environ).code == 0
    unknown = ready.invoke("db.backup", "--remote=fra", environ=environ)
    assert (unknown.code, "unknown remote 'fra'" in unknown.err) == (2, True)
    assert "Did you mean 'far'?" in unknown.err


def test_prune_says_what_it_would_remove_and_why(ready: Project) -> None:
    for number in range(2):
        with closing(sqlite3.connect(ready.root / "var/shop.db")) as connection, connection:
            connection.execute("INSERT INTO things (name) VALUES (?)", (str(number),))
        ready.invoke("db.backup", "--progress=none")
    keep = ("--keep-last=1", "--keep-daily=0", "--keep-weekly=0", "--keep-monthly=0")
    planned = ready.invoke("db.prune", "--dry-run", *keep)
    assert planned.code == 0
    assert "Would remove 1 snapshot" in planned.out
    refused = ready.invoke("db.prune", *keep)
    assert refused.code == 10
    assert "delete the snapshots of file:backups/local that the retention policy does not keep" in refused.err
    document = ready.invoke("db.prune", "--yes", "--json", *keep).document
    assert (document["dry_run"], document["removed_snapshots"]) == (False, 1)
    assert [decision["keep"] for decision in document["decisions"]] == [True, False, True]
    assert "Removed 0 snapshots" in ready.invoke("db.prune", "-y").out


@pytest.mark.parametrize("number", ["-1", "many", ""])
def test_prune_wants_numbers(ready: Project, number: str) -> None:
    ended = ready.invoke("db.prune", "--dry-run", f"--keep-last={number}")
    assert (ended.code, f"--keep-last is '{number}'" in ended.err) == (2, True)


def test_an_unknown_snapshot_ends_with_2(ready: Project) -> None:
    for task in ("db.verify", "db.drill"):
        ended = ready.invoke(task, "--snapshot=2000")
        assert (ended.code, "unknown snapshot '2000'" in ended.err) == (2, True)


def test_verify_tells_what_is_wrong_beyond_the_snapshots(ready: Project) -> None:
    ready.write("backups/local/snapshots/20200101T000000Z-00000000.json", "no manifest")
    verified = ready.invoke("db.verify")
    assert verified.code == 8
    assert ": good" in verified.out
    assert "error: the repository file:backups/local has 1 problem: " in verified.err


def test_options_of_a_backup_stand_in_for_settings(ready: Project) -> None:
    assert ready.invoke("db.backup", "--threads=1", "--level=19", "--rate-limit=1").code == 0
    refused = ready.invoke("db.backup", "--level=20")
    assert (refused.code, "BACKUP_COMPRESSION_LEVEL" in refused.err) == (3, True)
    whole = ready.invoke("db.backup", "--without=things")
    assert (whole.code, "as a whole" in whole.err) == (10, True)
    for asked in (ready.invoke("db.backup", "--accounts"), ready.invoke("db.restore", "--accounts", "--yes")):
        assert (asked.code, "keeps no accounts" in asked.err) == (10, True)
    both = ready.invoke("db.backup", "--tables=a", "--without=b")
    assert (both.code, "both --tables and --without" in both.err) == (2, True)
