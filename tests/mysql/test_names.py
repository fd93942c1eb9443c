"""Names beside a database, and ids of kept states."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deckinfra.mysql.names import (
    LIMIT,
    aside_of,
    is_name_of_kept,
    kept_of,
    next_id,
    qualified,
    quoted,
    scratch_of,
    workspace_of,
)

_MOMENT = datetime(2026, 11, 22, 21, 34, 19, 123456, tzinfo=UTC)
_ID = "20261122T213419123456Z"


def test_a_name_is_quoted_whatever_is_in_it() -> None:
    assert quoted("a`b c") == "`a``b c`"
    assert qualified("s`", "t") == "`s```.`t`"


def test_schemas_beside_a_database_have_its_name_in_front() -> None:
    assert workspace_of("deck") == "deck__deckinfra"
    assert scratch_of("deck", "5F3A") == "deck__scratch_5f3a"
    assert kept_of("deck", _ID) == "deck__kept_20261122t213419123456z"


@pytest.mark.parametrize("length", [20, 35, 36, 63, 64])
def test_long_names_stay_within_what_a_server_takes_and_apart(length: int) -> None:
    one, other = "ü" * (length - 1) + "a", "ü" * (length - 1) + "b"
    for name_of in (workspace_of, lambda name: scratch_of(name, "5f3a9c01"), lambda name: kept_of(name, _ID)):
        assert len(name_of(one)) <= LIMIT
        assert name_of(one) != name_of(other)
    assert len(aside_of(one, "old")) <= LIMIT


@pytest.mark.parametrize("database", ["deck", "Deck__kept_x", "ü" * 60])
def test_a_kept_state_is_known_by_its_name(database: str) -> None:
    assert is_name_of_kept(database, kept_of(database, _ID))
    assert is_name_of_kept(database.lower(), kept_of(database, _ID))
    for other in (f"{database}2", f"a{database}", "deckinfra"):
        assert not is_name_of_kept(database, kept_of(other, _ID))
    for name in (database, f"{database}__kept_", scratch_of(database, "5f3a"), workspace_of(database)):
        assert not is_name_of_kept(database, name)


def test_ids_sort_in_the_order_of_the_swaps_whatever_the_clock_does() -> None:
    assert next_id("", _MOMENT) == _ID
    assert next_id("20261122T213418000000Z", _MOMENT) == _ID
    assert next_id(_ID, _MOMENT) == "20261122T213419123457Z"
    assert next_id("20261122T235959999999Z", _MOMENT) == "20261123T000000000000Z"
