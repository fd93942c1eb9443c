"""JSON documents: one spelling, typed fields, and damage told by name."""

from __future__ import annotations

import os
from typing import Any

import pytest

from deckinfra.core.documents import decode, encode, field_of, number_of
from deckinfra.errors import DamagedError


def test_equal_documents_have_one_spelling() -> None:
    assert encode({"b": [1, None], "a": "größe"}) == encode({"a": "größe", "b": [1, None]})
    assert encode({"b": [1, None], "a": "größe"}) == '{"a":"größe","b":[1,null]}'.encode()


def test_what_is_encoded_is_decoded() -> None:
    document = {"a": "größe 'x' \"y\" \\ \n", "b": [1, 2.5, None, True], "c": {"d": 10**30}}
    assert decode(encode(document), "it") == document


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a":1', b"\xff\xfe\xfd", b"nothing", b'{"a":1}{', b"[" * 100_000, b"1" * 5000],
    ids=["empty", "brace", "cut", "not text", "no JSON", "more", "deep", "long"],
)
def test_what_is_no_json_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedError, match="the thing is not readable as JSON"):
        decode(data, "the thing")


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"text"', b"true"])
def test_what_is_no_object_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedError, match="the thing does not hold a JSON object"):
        decode(data, "the thing")


@pytest.mark.parametrize(
    ("value", "kind"), [("x", str), (1, int), (True, bool), ([1], list), ({"a": 1}, dict), (1.5, float)]
)
def test_a_field_of_its_type_is_given(value: Any, kind: type) -> None:
    assert field_of({"f": value}, "f", kind, "it") == value


@pytest.mark.parametrize(("value", "kind"), [(1, str), ("1", int), (True, int), (None, dict), (1, bool), (1, float)])
def test_a_field_of_another_type_is_damage(value: Any, kind: type) -> None:
    with pytest.raises(DamagedError, match="it has no usable field 'f'"):
        field_of({"f": value}, "f", kind, "it")


def test_a_field_that_is_missing_is_damage() -> None:
    with pytest.raises(DamagedError, match="it has no usable field 'f'"):
        field_of({}, "f", str, "it")


@pytest.mark.parametrize("value", [0, 3, 2.5, -1.0])
def test_a_number_may_be_whole_or_not(value: float) -> None:
    assert number_of({"f": value}, "f", "it") == value


@pytest.mark.parametrize("value", [True, "1", None, [1]])
def test_what_is_no_number_is_damage(value: Any) -> None:
    with pytest.raises(DamagedError, match="it has no usable field 'f'"):
        number_of({"f": value}, "f", "it")


def test_a_name_that_is_not_utf_8_is_encoded_in_one_spelling_and_comes_back() -> None:
    document = {"path": os.fsdecode(b"caf\xe9 \\\xff"), os.fsdecode(b"\xfe"): 1}
    data = encode(document)
    assert data == rb'{"path":"caf\udce9 \\\udcff","\udcfe":1}'
    assert decode(data, "it") == document
    assert encode(decode(data, "it")) == data
