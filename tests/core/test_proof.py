"""Proofs: written and read back the same, and every malformed field found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.core.proof import Proof, verdict
from deckinfra.errors import DamagedError

PROOF = Proof(
    snapshot="20261122T213419Z-1a2b3c4d",
    kind="verify",
    time=datetime(2026, 11, 22, 21, 40, tzinfo=UTC),
    seconds=0.125,
    host="host",
    objects=12,
    problems=("object 12ab… is missing",),
)


def test_a_proof_is_read_back_as_it_was_written() -> None:
    assert Proof.from_document(decode(encode(PROOF.document()), "it"), "it") == PROOF


def test_what_a_drill_tells_is_read_back_and_proofs_of_before_have_none_of_it() -> None:
    told = replace(
        PROOF,
        kind="drill",
        where="beside the live database",
        compared={"table": 3, "view": 1},
        rows=40,
        queries=("one", "two"),
        failed=("two",),
    )
    assert Proof.from_document(decode(encode(told.document()), "it"), "it") == told
    assert (told.good, told.whole, PROOF.whole) == (False, True, False)
    assert set(PROOF.document()) == {"snapshot", "kind", "time", "seconds", "host", "objects", "problems"}
    for name, wrong in {"where": 1, "compared": {"table": "3"}, "rows": "40", "queries": "one", "failed": None}.items():
        with pytest.raises(DamagedError, match="it has no usable field"):
            Proof.from_document({**told.document(), name: wrong}, "it")


def test_a_sample_keeps_how_much_it_was_of_and_proves_nothing_of_the_whole() -> None:
    sample = replace(PROOF, kind="sample", percent=12.5, problems=())
    assert Proof.from_document(decode(encode(sample.document()), "it"), "it") == sample
    assert (sample.good, sample.proves, replace(sample, kind="verify").proves) == (True, False, True)
    with pytest.raises(DamagedError, match="it has no usable field 'percent'"):
        Proof.from_document({**sample.document(), "percent": "all"}, "it")


def test_a_proof_is_good_when_it_found_nothing_wrong() -> None:
    assert not PROOF.good
    assert replace(PROOF, problems=()).good


@pytest.mark.parametrize("name", sorted(PROOF.document()))
@pytest.mark.parametrize("wrong", [None, True, {}, "missing"], ids=repr)
def test_each_field_that_is_malformed_or_missing_is_named(name: str, wrong: Any) -> None:
    document = PROOF.document()
    if wrong == "missing":
        del document[name]
    else:
        document[name] = wrong
    with pytest.raises(DamagedError, match=f"it has no usable field '{name}'"):
        Proof.from_document(document, "it")


def test_a_proof_whose_time_is_no_time_is_damaged() -> None:
    with pytest.raises(DamagedError, match="it has no usable time"):
        Proof.from_document({**PROOF.document(), "time": "soon"}, "it")


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ("", None),
        ("verify+", 0),
        ("verify- verify+", 0),
        ("drill+", 0),
        ("verify+ drill-", 1),
        ("verify+ drill+", 0),
        ("verify- drill+", 0),
        ("drill+ drill-", 0),
        ("drill- verify+", 0),
        ("sample+", 0),
        ("sample+ verify+ drill+", 1),
        ("sample+ sample+ drill-", 2),
        ("sample- drill+", 0),
        ("sample+ sample- verify+", 1),
        ("drill+ sample-", 0),
        ("verify+ sample-", 0),
        ("sample- drill-", 0),
    ],
)
def test_what_a_drill_found_is_overruled_by_a_drill_or_by_damage_only(told: str, counts: int | None) -> None:
    proofs = [replace(PROOF, kind=word[:-1], problems=() if word[-1] == "+" else ("bad",)) for word in told.split()]
    assert verdict(proofs) == (None if counts is None else proofs[counts])
