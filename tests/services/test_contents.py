"""What a snapshot holds by its manifest: what is empty, and what a restore of it would lose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from deckinfra.core.manifest import Facts, Manifest, Origin
from deckinfra.core.proof import Listed, Proof
from deckinfra.services.contents import doubts, holds_rows, lacks
from deckinfra.services.importing import ScriptFile, missed
from tests.repository.support import NOON

HERE = Origin("deck", "local")


def _manifest(hour: int, rows: Mapping[str, int | None], origin: Origin = HERE) -> Manifest:
    moment = NOON + timedelta(hours=hour)
    facts = tuple(Facts("table", name, rows=count) for name, count in rows.items())
    return Manifest(
        id=f"{moment:%Y%m%dT%H%M%SZ}-00000000",
        time=moment,
        seconds=1.0,
        origin=origin,
        engine="client",
        database="deck",
        revisions=("0001",),
        host="host",
        tool="test",
        size=1,
        added_bytes=1,
        added_objects=1,
        facts=(*facts, Facts("view", "seen", checksum="0")),
        parts=(),
    )


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ({}, False),
        ({"alembic_version": 1}, False),
        ({"users": 0, "decks": 0, "alembic_version": 1}, False),
        ({"users": 0, "decks": 1}, True),
        ({"users": None}, True),
    ],
)
def test_a_snapshot_holds_rows_if_a_table_has_one_and_not_only_that_of_revisions(
    rows: dict[str, int | None], holds: bool
) -> None:
    assert holds_rows(_manifest(0, rows)) == holds


def test_a_snapshot_taken_after_an_accident_is_told_by_an_earlier_one() -> None:
    last = _manifest(9, {"users": 0, "decks": 0, "cards": 7, "alembic_version": 1})
    earlier = [
        _manifest(8, {"users": 0, "decks": 0, "cards": 7}),
        _manifest(7, {"users": 2, "decks": 1001}),
        _manifest(6, {"users": 9}),
    ]
    (said,) = lacks(last, None, (), [last, *earlier])
    assert said == (
        f"snapshot {last.id} has no row of tables 'users', 'decks', and an earlier one, {earlier[1].id} of "
        "2026-11-22T19:00:00Z, has 1,003"
    )


def test_one_without_any_table_is_told_by_all_that_an_earlier_one_has() -> None:
    earlier = _manifest(1, {f"t{number}": 1 for number in range(7)})
    (said,) = lacks(_manifest(2, {"alembic_version": 1}), None, (), [earlier])
    assert "has no row of tables 't0', 't1', 't2', 't3', 't4' and 2 more, and an earlier one" in said


@pytest.mark.parametrize(
    "other",
    [
        _manifest(3, {"users": 5}),
        _manifest(1, {"users": 5}, Origin("deck", "production")),
        _manifest(1, {"users": 0}),
        _manifest(1, {"users": None}),
        replace(_manifest(1, {"dropped": 5}), revisions=("0000",)),
    ],
    ids=["later", "of another environment", "empty as well", "not known", "of a table that a migration dropped"],
)
def test_what_tells_of_no_accident_is_not_warned_of(other: Manifest) -> None:
    assert list(lacks(_manifest(2, {"users": 0, "cards": 1}), None, (), [other])) == []


def test_a_table_that_is_gone_is_missed_unless_a_migration_dropped_it() -> None:
    earlier = _manifest(7, {"users": 2, "decks": 6})
    last = _manifest(9, {"users": 2})
    assert list(lacks(last, None, (), [last, earlier])) == [
        f"snapshot {last.id} has no row of table 'decks', and an earlier one, {earlier.id} of "
        "2026-11-22T19:00:00Z, has 6"
    ]
    migrated = replace(last, revisions=("0002",))
    assert not list(lacks(migrated, None, (), [migrated, earlier]))


def test_what_was_found_wrong_with_a_snapshot_is_told() -> None:
    manifest = _manifest(1, {"cards": 1})
    good = Proof(manifest.id, "drill", NOON, 1.0, "host", 1, where="beside the live database", queries=("one", "two"))
    bad = replace(good, problems=("object 12ab… is missing",))
    failed = replace(good, problems=("smoke query 'one' gives 1 row that is wrong",), failed=("one",))
    told = [list(doubts(Listed(manifest, proof))) for proof in (None, good, bad, failed)]
    assert told == [
        [],
        [],
        [f"snapshot {manifest.id} was found bad on 2026-11-22T12:00:00Z: object 12ab… is missing"],
        [
            f"snapshot {manifest.id} restores; smoke queries failed on it on 2026-11-22T12:00:00Z: "
            "smoke query 'one' gives 1 row that is wrong"
        ],
    ]


def test_what_a_file_lacks_is_told_by_the_newest_snapshot_that_knows() -> None:
    file = ScriptFile(frozenset({"cards", "log"}), frozenset({"log"}), is_whole=True)
    partial, whole, old = _manifest(2, {"cards": None, "log": 1}), _manifest(1, {"cards": 9}), _manifest(0, {"log": 7})
    assert [sentence.partition(",")[0] for sentence in missed(file, None, (), [partial, whole, old])] == [
        "the file has no row of table 'cards'"
    ]
    assert list(missed(file, None, (), [_manifest(2, {"cards": 0, "log": 1}), whole])) == []
