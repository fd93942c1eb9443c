"""A swap in which some tables change places and the others stay, with all that stands on either."""

from __future__ import annotations

from typing import Any

import pytest

from deckinfra.errors import RefusedError
from deckinfra.mysql import LiveDatabase, Moving, ObjectSet
from deckinfra.mysql.names import quoted
from deckinfra.ports import Kept
from tests.mysql.support import WEIRD, beside, fill, live_of, objects_of, picture, run
from tests.support.servers import Server

FAMILY = frozenset({"parent", "child item", "plain"})
"""Tables that foreign keys hold together."""


def _swap(server: Server, live: LiveDatabase, objects: ObjectSet, moving: Moving, marker: str = "new") -> Kept | None:
    with live.lock("db.restore", timeout=10):
        live.recover()
        with live.scratch("db.restore") as scratch:
            fill(server, scratch.name, marker, objects=False)
            return live.swap(scratch, f"some of {marker}", objects, moving)


def _undo(live: LiveDatabase) -> None:
    with live.lock("db.undo-restore", timeout=10):
        live.undo()


def _rows(found: dict[str, Any], *tables: str) -> dict[str, Any]:
    return {name: found["tables"].get(name) for name in tables}


def _around(found: dict[str, Any]) -> dict[str, Any]:
    return {name: what for name, what in found.items() if name not in {"tables", "definitions", "views"}}


def test_only_some_tables_change_places_and_all_around_them_stays(server: Server, database: str) -> None:
    fill(server, database, "old")
    run(server, database, "INSERT INTO log (what) VALUES ('stays')")
    before = picture(server, database)
    live = live_of(server, database)

    kept = _swap(server, live, objects_of(server, database, "new"), Moving(FAMILY, around=False))

    after = picture(server, database)
    assert kept is not None
    assert [row[1] for row in after["tables"]["parent"]] == ["new", "two of new"]
    assert _rows(after, "log", WEIRD) == _rows(before, "log", WEIRD)
    assert after["tables"].keys() == before["tables"].keys()
    assert _around(after) == _around(before)
    # What stands on them works: the triggers of both kinds of tables.
    run(
        server,
        database,
        "INSERT INTO parent (id, name) VALUES (9, 'x')",
        "INSERT INTO `child item` (parent) VALUES (9)",
    )
    run(server, database, f"DELETE FROM {quoted(WEIRD)}")
    after = picture(server, database)
    assert after["tables"]["parent"][-1][1] == "x +1 +2 old"
    assert [row[1] for row in after["tables"]["log"]][1:] == ["4 é", "gone"]

    run(server, database, "CREATE TABLE later (id INT PRIMARY KEY)")
    _undo(live)
    last = picture(server, database)
    assert _rows(last, *FAMILY) == _rows(before, *FAMILY)
    assert _rows(last, "log", "later") == _rows(after, "log") | {"later": []}
    assert _around(last) == _around(before)
    assert beside(server, database) == ["kept"]
    _undo(live)
    assert _rows(picture(server, database), *FAMILY) == _rows(after, *FAMILY)


def test_a_table_that_is_gone_comes_with_its_triggers(server: Server, database: str) -> None:
    fill(server, database, "new")
    objects = objects_of(server, database, "new")
    run(server, database, f"DROP TABLE {quoted(WEIRD)}")
    _swap(server, live_of(server, database), objects, Moving(frozenset({WEIRD}), around=False))
    run(server, database, f"DELETE FROM {quoted(WEIRD)}")
    assert [row[1] for row in picture(server, database)["tables"]["log"]] == ["gone"]


def test_all_but_some_change_places_and_those_stay_with_their_rows(server: Server, database: str) -> None:
    fill(server, database, "old")
    run(server, database, "INSERT INTO log (what) VALUES ('stays')")
    run(server, database, "CREATE TRIGGER own BEFORE INSERT ON log FOR EACH ROW SET NEW.what = 'own'")
    run(server, database, "CREATE VIEW on_log AS SELECT log.n, parent.name FROM log, parent")
    before = picture(server, database)
    live = live_of(server, database)

    _swap(server, live, objects_of(server, database, "new"), Moving(but=frozenset({"log", "absent"})))

    after = picture(server, database)
    assert [row[1] for row in after["tables"]["parent"]] == ["new", "two of new"]
    assert _rows(after, "log", "only_old") == _rows(before, "log") | {"only_old": None}
    assert "only_new" in after["tables"]
    assert {"own", "only_new"} <= {row[0] for row in after["triggers"]}
    assert "on_log" not in after["views"]

    _undo(live)
    assert picture(server, database) == before
    assert beside(server, database) == ["kept"]


def test_one_that_may_stay_comes_where_there_is_none(server: Server, database: str) -> None:
    fill(server, database, "old")
    run(server, database, "DROP TRIGGER noted", "DROP TABLE log")
    _swap(server, live_of(server, database), ObjectSet(), Moving(but=frozenset({"log"})))
    assert picture(server, database)["tables"]["log"] == []


@pytest.mark.parametrize(
    ("moving", "told"),
    [
        (Moving(frozenset({"parent"}), around=False), "leads from table child item to parent"),
        (Moving(but=frozenset({"plain"})), "leads from table plain to parent"),
        (Moving(frozenset({"log"}), around=False), "table log is defined in another way"),
        (Moving(but=frozenset({"log"})), "table log is defined in another way"),
    ],
)
def test_what_would_not_hold_together_is_refused(server: Server, database: str, moving: Moving, told: str) -> None:
    fill(server, database, "old")
    run(server, database, "ALTER TABLE log ADD COLUMN more INT")
    before = picture(server, database)
    with pytest.raises(RefusedError, match=told) as raised:
        _swap(server, live_of(server, database), ObjectSet(), moving)
    assert "--into" in (raised.value.hint or "")
    assert picture(server, database) == before
    assert beside(server, database) == []
