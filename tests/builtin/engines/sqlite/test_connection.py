"""What SQLite itself counts of commits, however coarse a file system's clock is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from deckinfra.builtin.engines.sqlite.connection import connect, version
from deckinfra.errors import DatabaseError
from tests.builtin.engines.sqlite.support import fill


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_a_commit_of_others_changes_the_version_and_nothing_else_does(tmp_path: Path, mode: str) -> None:
    live = tmp_path / "app.db"
    fill(live, "old", mode=mode)
    with closing(connect(live)) as connection:
        before = version(live, connection)
        with closing(connect(live)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            assert version(live, connection) == before
            other.execute("DELETE FROM t WHERE n = 1")
        assert version(live, connection) != before


def test_the_version_of_a_file_that_was_moved_away_is_not_told(tmp_path: Path) -> None:
    live = tmp_path / "app.db"
    fill(live, "old")
    with closing(connect(live)) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        live.rename(tmp_path / "other.db")
        live.write_bytes(b"something else")
        with pytest.raises(DatabaseError, match="was moved away"):
            version(live, connection)
