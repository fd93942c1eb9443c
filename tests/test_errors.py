"""The error tree: what the docstring draws is what there is."""

from __future__ import annotations

import inspect
import re

import pytest

from deckinfra import errors
from deckinfra.errors import DeckinfraError

LINE = re.compile(r"    ([│├└─ ]*)(\w+Error) +(\d+)   (\S.*)")


def _classes() -> list[type[DeckinfraError]]:
    found: list[type[DeckinfraError]] = []
    for _, each in inspect.getmembers(errors, inspect.isclass):
        if each.__module__ == errors.__name__:
            assert issubclass(each, DeckinfraError)
            found.append(each)
    return found


def _drawn() -> list[tuple[int, str, int]]:
    """Give the depth, the name and the exit code of each line of the tree."""
    assert errors.__doc__ is not None
    matches = filter(None, map(LINE.fullmatch, errors.__doc__.splitlines()))
    return [(len(match[1]) // 4, match[2], int(match[3])) for match in matches]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    parents: list[str] = []
    drawn = {}
    for depth, name, code in _drawn():
        parents[depth:] = [name]
        drawn[name] = (parents[depth - 1] if depth else "Exception", code)
    assert drawn == {each.__name__: (each.__bases__[0].__name__, each.exit_code) for each in _classes()}


def test_each_kind_of_error_has_an_exit_code_of_its_own() -> None:
    """What shares one with its parent is there for the code that catches it."""
    codes = [each.exit_code for each in _classes() if "exit_code" in vars(each)]
    assert sorted(codes) == list(range(1, 15))


@pytest.mark.parametrize("kind", _classes())
def test_an_error_has_a_message_and_may_have_a_hint(kind: type[DeckinfraError]) -> None:
    error = kind("the disk is full", hint="Make room.")
    assert (error.message, error.hint, str(error)) == ("the disk is full", "Make room.", "the disk is full")
    assert kind("the disk is full").hint == ""
    assert kind.__doc__
