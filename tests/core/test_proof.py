"""Proofs: written and read back the same, and every malformed field found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode
from deckinfra.core.proof import Proof
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
