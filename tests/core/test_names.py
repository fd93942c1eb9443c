"""Names: what one may look like, and which one was meant."""

from __future__ import annotations

import pytest

from deckinfra.core.names import closest, is_blob_name, is_name, unknown_name
from deckinfra.errors import UnknownNameError


@pytest.mark.parametrize("text", ["a", "local", "store-directory", "my_env2", "a" * 63])
def test_names_that_are_allowed(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "A", "1a", "-a", "_a", "a b", "ä", "a\n", "a.b", "a/b", "a" * 64])
def test_names_that_are_not(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["a", "objects/ab/abc", "1/2/3/4/5/6/7/8", "a..b"])
def test_blob_names_that_are_allowed(text: str) -> None:
    assert is_blob_name(text)


@pytest.mark.parametrize("text", ["", "/a", "a/", "a//b", "../a", "a/.b", "a\n", "1/2/3/4/5/6/7/8/9"])
def test_blob_names_that_are_not(text: str) -> None:
    assert not is_blob_name(text)


@pytest.mark.parametrize(
    ("name", "meant"), [("prodution", "production"), ("locl", "local"), ("zzz", None), ("", None), ("local", "local")]
)
def test_the_closest_name_is_the_likely_one(name: str, meant: str | None) -> None:
    assert closest(name, iter(["local", "production", "test"])) == meant


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["production", "local"], "Did you mean 'local'? Make one."),
        (["zz", "yy"], "Known: yy, zz. Make one."),
        ([], "There is none yet. Make one."),
    ],
)
def test_an_unknown_name_is_told_with_what_there_is(known: list[str], hint: str) -> None:
    error = unknown_name("environment", "locla", known, hint="Make one.")
    assert isinstance(error, UnknownNameError)
    assert (error.message, error.hint) == ("unknown environment 'locla'", hint)


def test_a_hint_of_its_own_may_be_left_out() -> None:
    assert unknown_name("scheme", "ftp", ["file"]).hint == "Known: file."
