from __future__ import annotations

import gzip
import re
import sqlite3
from contextlib import closing

from tests.tasks.support import Project


def _names(project: Project) -> list[str]:
    with closing(sqlite3.connect(project.root / "var/shop.db")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY id")]


def _spoil(project: Project) -> None:
    with closing(sqlite3.connect(project.root / "var/shop.db")) as connection, connection:
        connection.execute("UPDATE things SET name = 'spoilt'")


def test_what_is_exported_is_imported_and_that_can_be_undone(ready: Project) -> None:
    before = _names(ready)
    for name in ("out of it.sql", "out.sql.zst"):
        done = ready.invoke("db.export", name)
        assert (done.code, name in done.out) == (0, True)
        assert (ready.root / name).stat().st_mode & 0o777 == 0o600
        _spoil(ready)
        imported = ready.invoke("db.import", name, "--yes")
        assert (imported.code, _names(ready)) == (0, before)
        assert f"{name} is live: 2 tables with 4 rows" in imported.out
        assert "'invoke db.undo-restore' puts it back." in imported.out
        assert ready.invoke("db.undo-restore", "--yes").code == 0
        assert _names(ready) == ["spoilt"] * 3
    lines = (ready.root / "out of it.sql").read_text().splitlines()
    assert re.match("-- deckinfra .* snapshot 2", lines[0])
    assert lines[-1].startswith("-- Dump completed: snapshot 2")


def test_an_export_needs_no_database_and_goes_by_its_name(ready: Project) -> None:
    (ready.root / "var/shop.db").unlink()
    document = ready.invoke("db.export", "out.sql", "--json", "--snapshot=latest").document
    assert document["size"] == (ready.root / "out.sql").stat().st_size
    again = ready.invoke("db.export", "out.sql")
    assert (again.code, "replace the file" in again.err) == (10, True)
    assert ready.invoke("db.export", "--file=out.sql", "--yes").code == 0
    for name in ("out.txt", "nowhere/out.sql", "", "."):
        assert ready.invoke("db.export", name).code == 2, name
    assert ready.invoke("db.import", "out.sql", "-y", "--json").document["kept"] is None
    assert [path.name for path in ready.root.glob(".tmp-*")] == []


def test_a_file_that_may_be_cut_off_is_refused_before_the_question(ready: Project) -> None:
    before = _names(ready)
    assert ready.invoke("db.export", "out.sql").code == 0
    whole = (ready.root / "out.sql").read_bytes()
    body = whole[: whole.index(b"COMMIT;")]
    (ready.root / "cut.sql").write_bytes(body)
    refused = ready.invoke("db.import", "cut.sql")
    assert (refused.code, "may be cut off" in refused.err, "--without-end" in refused.err) == (8, True, True)
    assert ready.invoke("db.import", "cut.sql", "-y", "--without-end").code == 8
    (ready.root / "odd.sql").write_bytes(body + b"END;\n")
    assert ready.invoke("db.import", "odd.sql", "-y").code == 8
    packed = gzip.compress(whole)
    (ready.root / "cut.sql.gz").write_bytes(packed[:-20])
    damaged = ready.invoke("db.import", "cut.sql.gz", "-y")
    assert (damaged.code, "cut.sql.gz is damaged" in damaged.err) == (8, True)
    assert _names(ready) == before
    assert ready.invoke("db.export", "flipped.sql.zst").code == 0
    flipped = bytearray((ready.root / "flipped.sql.zst").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (ready.root / "flipped.sql.zst").write_bytes(flipped)
    assert ready.invoke("db.import", "flipped.sql.zst", "-y", "--without-end").code == 8
    assert _names(ready) == before
    (ready.root / "whole.sql.gz").write_bytes(packed)
    assert ready.invoke("db.import", "whole.sql.gz", "-y").code == 0
    assert ready.invoke("db.import", "odd.sql", "-y", "--without-end").code == 0


def test_what_people_would_miss_is_said_before_the_question(ready: Project) -> None:
    ready.write("less.sql", "BEGIN;\nCREATE TABLE other (n);\nCOMMIT;\n")
    refused = ready.invoke("db.import", "less.sql")
    assert refused.code == 10
    assert "the file makes no table 'things', which the database has now" in refused.err
    assert "the file has no revision, and the database is at 0001" in refused.err
    assert refused.err.index("makes no table") < refused.err.index(
        "consent is needed to replace the database of 'local'"
    )
    ready.write("empty.sql", "BEGIN;\nCREATE TABLE things (n);\nCOMMIT;\n")
    assert "has no row of table 'things', and snapshot 2" in ready.invoke("db.import", "empty.sql").err


def test_what_is_no_dump_changes_nothing(ready: Project) -> None:
    before = _names(ready)
    ready.write("none.sql", "BEGIN;\nCOMMIT;\n")
    ready.write("evil.sql", f"ATTACH '{ready.root}/evil.db' AS evil;\nCOMMIT;\n")
    (ready.root / "wide.sql").write_bytes("BEGIN;\nCOMMIT;\n".encode("utf-16"))
    found = {name: ready.invoke("db.import", name, "-y") for name in ("none.sql", "evil.sql", "wide.sql", "no.sql")}
    assert [each.code for each in found.values()] == [10, 10, 8, 2]
    assert "makes no table" in found["none.sql"].err
    assert "line 1 is not run" in found["evil.sql"].err
    assert "UTF-16" in found["wide.sql"].err
    assert (_names(ready), (ready.root / "evil.db").exists()) == (before, False)
    assert ready.invoke("db.kept", "--json").document == []


def test_in_production_the_environment_has_to_be_named(ready: Project) -> None:
    assert ready.invoke("db.export", "out.sql").code == 0
    environ = {"DECKINFRA_STAGE": "production"}
    assert ready.invoke("db.import", "out.sql", "--yes", environ=environ).code == 10
    assert ready.invoke("db.import", "out.sql", "--yes", "--confirm=local", environ=environ).code == 0
