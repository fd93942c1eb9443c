"""Whatever is in a database, a backup of it brings exactly that back, and an undo brings back what was there before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from deckinfra.app import App, open_project
from tests.properties.databases import Change, Database, changes, databases
from tests.support.sqlite import logical_content

# Much of the same code, again and again: measured elsewhere.
pytestmark = pytest.mark.no_cover

ENVIRON = {"APP_SECRET_KEY": "k" * 43}

bounded = settings(
    max_examples=50,
    deadline=None,
    # In CI the same examples in every run: a failure there belongs to the change that it appears with.
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@bounded
@given(database=databases(), between=changes)
def test_backup_change_backup_restore_undo(database: Database, between: Sequence[Change]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        app = open_project(root, environ=ENVIRON)
        live = root / "var" / "app.db"
        live.parent.mkdir()
        database.make(live)
        first, before = app.backup(), logical_content(live)
        for change in between:
            change.apply(database, live)
        second, changed = app.backup(), logical_content(live)
        verified = app.verify()
        assert [proof.problems for proof in verified.proofs] == [(), ()]

        app.restore(first.id)
        assert logical_content(live) == before
        app.undo_restore()
        assert logical_content(live) == changed
        app.drill(first.id)
        assert logical_content(live) == changed
        live.unlink()
        for sidecar in live.parent.glob("app.db-*"):
            if sidecar.is_file():
                sidecar.unlink()
        app.restore(second.id)
        assert logical_content(live) == changed
        writable(app, live)


def writable(app: App, live: Path) -> None:
    """What was restored goes on being a database: a third backup of it is as good."""
    Change("new table", 0, "after").apply(Database(512, "delete", "NONE", "UTF-8", 0, ()), live)
    expected = logical_content(live)
    app.backup()
    app.restore()
    assert logical_content(live) == expected
