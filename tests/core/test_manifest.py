"""Manifests: written and read back the same, and every malformed field found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.core.manifest import FORMAT, Facts, Manifest, Origin, Part, format_time, parse_time
from deckinfra.errors import DamagedError

LIST = "ab" * 32

MANIFEST = Manifest(
    id="20261122T213419Z-1a2b3c4d",
    time=datetime(2026, 11, 22, 21, 34, 19, tzinfo=UTC),
    seconds=1.25,
    origin=Origin("deck", "local"),
    engine="sqlite",
    database='sqlite:////srv/it\'s "my" dätä.db',
    revisions=("0001", "0002"),
    host="host",
    tool="deckinfra 0.1.0",
    size=8192,
    added_bytes=1024,
    added_objects=3,
    facts=(Facts("file", "main", checksum="00ff"), Facts("table", "décks", rows=7)),
    parts=(Part(Facts("file", "main", checksum="00ff"), size=8192, chunks=2, lists=(LIST,)),),
    details={"sqlite": "3.45.1", "page_size": 4096, "positions": {"gtid": None}},
)


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    assert Manifest.from_document(decode(encode(MANIFEST.document()), "it"), "it") == MANIFEST


def test_an_empty_database_makes_a_manifest_too() -> None:
    empty = replace(MANIFEST, revisions=(), facts=(), parts=(), details={}, size=0)
    assert Manifest.from_document(empty.document(), "it") == empty


def test_whole_seconds_may_have_been_written_without_a_fraction() -> None:
    assert Manifest.from_document({**MANIFEST.document(), "seconds": 2}, "it").seconds == 2.0


def test_a_manifest_of_a_newer_format_says_that_an_update_helps() -> None:
    with pytest.raises(DamagedError, match=f"it has format {FORMAT + 1}, and this version reads up to") as caught:
        Manifest.from_document({**MANIFEST.document(), "format": FORMAT + 1}, "it")
    assert "Update deckinfra" in caught.value.hint


@pytest.mark.parametrize("name", sorted(MANIFEST.document()))
@pytest.mark.parametrize("wrong", [None, True, {"a": 1}.keys(), b"", "missing"], ids=repr)
def test_each_field_that_is_malformed_or_missing_is_named(name: str, wrong: Any) -> None:
    document = MANIFEST.document()
    if wrong == "missing":
        del document[name]
    else:
        document[name] = wrong
    with pytest.raises(DamagedError, match=f"it has no usable field '{name}'"):
        Manifest.from_document(document, "it")


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_set("id", value="20261122T213419Z-1A2B3C4D"), "id"),
        (_set("id", value="20261122T213419Z-1a2b3c4d\n"), "id"),
        (_set("id", value="../../etc/passwd"), "id"),
        (_set("revisions", 0, value=1), "revisions"),
        (_set("facts", 0, value="x"), "facts"),
        (_set("facts", 0, "kind", value=None), "kind"),
        (_set("facts", 0, "name", value=1), "name"),
        (_set("facts", 1, "rows", value="7"), "rows"),
        (_set("facts", 1, "rows", value=True), "rows"),
        (_set("facts", 0, "checksum", value=1), "checksum"),
        (_set("parts", 0, value=[]), "parts"),
        (_set("parts", 0, "kind", value=1), "kind"),
        (_set("parts", 0, "size", value="8192"), "size"),
        (_set("parts", 0, "chunks", value=None), "chunks"),
        (_set("parts", 0, "lists", value=LIST), "lists"),
        (_set("parts", 0, "lists", 0, value=1), "lists"),
        (_set("parts", 0, "lists", 0, value=LIST[:-1]), "lists"),
        (_set("parts", 0, "lists", 0, value="../" + LIST[3:]), "lists"),
    ],
)
def test_what_is_malformed_inside_is_named(change: Callable[[dict[str, Any]], None], field: str) -> None:
    document = copy.deepcopy(MANIFEST.document())
    change(document)
    with pytest.raises(DamagedError, match=f"it has no usable field '{field}'"):
        Manifest.from_document(document, "it")


def test_times_are_written_as_utc_to_the_second() -> None:
    moment = datetime(2026, 1, 1, 0, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2025-12-31T23:30:05Z"
    assert parse_time("2025-12-31T23:30:05Z", "it") == datetime(2025, 12, 31, 23, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01"])
def test_what_is_no_time_is_damage(text: str) -> None:
    with pytest.raises(DamagedError, match="it has no usable time"):
        parse_time(text, "it")


def test_a_manifest_whose_time_is_no_time_is_damaged() -> None:
    with pytest.raises(DamagedError, match="it has no usable time"):
        Manifest.from_document({**MANIFEST.document(), "time": "soon"}, "it")
