from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup, Stage, setting
from deckinfra.core.urls import StoreURL
from deckinfra.settings.schema import Variable, text_of, title, variables


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Sample(SettingsGroup):
    """Things to set.

    More on them.
    """

    plain: str
    number: int = setting(3, description="How many.", ge=1, le=9)
    least: int = setting(1, description="", ge=0)
    most: float = setting(1.5, description="", le=2)
    switch: bool = setting(True, description="On?")
    colour: Colour = setting(Colour.RED, description="Which.")
    word: Literal["a", "b"] = "a"
    key: Secret = setting(description="A key.", generate=lambda: "made")
    other_key: Annotated[Secret, "marked"] | None = None
    names: list[str] = Field(default_factory=lambda: ["x", "y"])
    numbers: frozenset[int] = frozenset({2, 1})
    pair: tuple[str, ...] | None = None
    stores: Mapping[str, StoreURL] = {}
    either: int | bytes = b"x"


def sample(name: str) -> Variable:
    return next(variable for variable in variables([Sample]) if variable.name == name)


def test_every_field_is_a_variable_in_order() -> None:
    expected = [name.upper() for name in Sample.model_fields]
    assert expected == [variable.name for variable in variables([Sample])]


@pytest.mark.parametrize(
    ("name", "kind", "default", "required", "secret"),
    [
        ("PLAIN", "text", None, True, False),
        ("NUMBER", "whole number, 1 to 9", "3", False, False),
        ("LEAST", "whole number, 0 or more", "1", False, False),
        ("MOST", "number, 2 or less", "1.5", False, False),
        ("SWITCH", "true or false", "true", False, False),
        ("COLOUR", "one of `red`, `blue`", "red", False, False),
        ("WORD", "one of `a`, `b`", "a", False, False),
        ("KEY", "secret", None, True, True),
        ("OTHER_KEY", "secret", None, False, True),
        ("NAMES", "list, separated by commas", "x,y", False, False),
        ("NUMBERS", "list, separated by commas", "1,2", False, False),
        ("PAIR", "list, separated by commas", None, False, False),
        ("STORES", "NAME=VALUE pairs, separated by spaces", "", False, False),
        ("EITHER", "whole number or bytes", "b'x'", False, False),
    ],
)
def test_a_variable_says_what_it_holds(name: str, kind: str, default: str | None, required: bool, secret: bool) -> None:
    found = sample(name)
    assert (kind, default, required, secret) == (found.kind, found.default, found.required, found.secret)


def test_what_setting_declares_is_kept_and_may_be_absent() -> None:
    key, plain = sample("KEY"), sample("PLAIN")
    assert key.generate is not None
    assert (key.description, key.generate()) == ("A key.", "made")
    assert (plain.description, plain.example, plain.generate) == ("", None, None)


def test_the_title_is_the_first_line_of_the_docstring() -> None:
    bare: Any = type("Bare", (SettingsGroup,), {"__doc__": None, "__module__": __name__})
    assert title(Sample) == "Things to set"
    assert title(bare) == "Bare"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PLAIN", "a, b", "a, b"),
        ("NAMES", " a, b,,c ,", ["a", "b", "c"]),
        ("PAIR", "one", ["one"]),
        ("STORES", "a=file:x", {"a": "file:x"}),
        ("STORES", " a=file:my dir/é 'q'  usb-2=s3://b?x=y ", {"a": "file:my dir/é 'q'", "usb-2": "s3://b?x=y"}),
    ],
)
def test_lists_and_pairs_are_split(name: str, text: str, expected: object) -> None:
    assert expected == sample(name).parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file:x", "NAME=VALUE pairs"),
        ("lost a=file:x", "NAME=VALUE pairs"),
        ("", "NAME=VALUE pairs"),
        ("a=x a=y", "the name 'a' twice"),
    ],
)
def test_text_that_is_no_pairs_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sample("STORES").parse(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (Secret("s"), "s"),
        (False, "false"),
        (Stage.TEST, "test"),
        (7, "7"),
        (("a", 1), "a,1"),
        ({"b", "a"}, "a,b"),
        ({"r": StoreURL("file", "x y"), "s": 1}, "r=file:x y s=1"),
    ],
)
def test_values_are_written_as_a_variable_holds_them(value: object, text: str | None) -> None:
    assert text == text_of(value)
