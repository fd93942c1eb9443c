"""Results as JSON values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest

from deckinfra.core.manifest import Facts
from deckinfra.services import results
from deckinfra.services.results import DrillResult, Finding, SetupResult, Step, document
from tests.core.test_manifest import MANIFEST
from tests.core.test_proof import PROOF


@dataclass(frozen=True)
class _Pair:
    when: datetime
    where: PurePosixPath


MOMENT = datetime(2026, 11, 22, 21, 34, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2.5, 2.5),
        ("größe", "größe"),
        (b"bytes", b"bytes"),
        (MOMENT, "2026-11-22T21:34:19Z"),
        (PurePosixPath("/srv/it's"), "/srv/it's"),
        ({1: MOMENT, "a": (1, 2)}, {"1": "2026-11-22T21:34:19Z", "a": [1, 2]}),
        ([Facts("table", "a", 1)], [{"kind": "table", "name": "a", "rows": 1, "checksum": None}]),
        (_Pair(MOMENT, PurePosixPath("x")), {"when": "2026-11-22T21:34:19Z", "where": "x"}),
        (_Pair, _Pair),
        (MANIFEST, MANIFEST.document()),
        (Finding("python", True), {"check": "python", "ok": True, "message": "", "hint": ""}),
    ],
)
def test_values_become_json(value: Any, expected: Any) -> None:
    assert document(value) == expected


def test_a_result_becomes_one_document() -> None:
    told = json.loads(json.dumps(document(DrillResult(MANIFEST, PROOF, MANIFEST.facts))))
    assert told["manifest"]["id"] == MANIFEST.id
    assert told["proof"]["problems"] == ["object 12ab… is missing"]
    assert told["compared"][1] == {"kind": "table", "name": "décks", "rows": 7, "checksum": None}


@pytest.mark.parametrize(("changes", "changed"), [([], False), ([False], False), ([False, True], True)])
def test_setup_changed_something_if_a_step_did(changes: list[bool], changed: bool) -> None:
    steps = tuple(Step("migrate", change, "up to date") for change in changes)
    assert SetupResult("local", steps, ()).changed is changed


def test_every_result_is_public() -> None:
    assert all(hasattr(results, name) for name in results.__all__)
