from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, SettingsGroup, setting
from deckinfra.core.urls import StoreURL
from deckinfra.settings.schema import variables
from deckinfra.settings.sources import Raw
from deckinfra.settings.validate import validate
from tests.settings.support import STRONG, messages


class Sample(SettingsGroup):
    """Samples to judge."""

    name: str = setting(description="", example="joe")
    made: Secret = setting(description="", generate=lambda: "x")
    given: Secret = setting(description="")
    port: int = Field(1, ge=1)
    hosts: tuple[str, ...] = ()
    pairs: Mapping[str, StoreURL] = {}

    @field_validator("given")
    @classmethod
    def _tells(cls, secret: Secret) -> Secret:
        if secret.reveal().startswith("bad"):
            raise ValueError(f"cannot use {secret.reveal()}")
        if secret.reveal().startswith("short"):
            raise ValueError("it is too short")
        return secret

    @field_validator("hosts")
    @classmethod
    def _names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if "" in hosts or "*" in hosts:
            raise ValueError("no host may be '*'")
        return hosts

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.name == "joe" and self.port == 13:
            raise ValueError("joe has no luck with 13")
        return self


FINE = {"NAME": "joe", "MADE": STRONG, "GIVEN": STRONG}


def judge(values: Mapping[str, str]) -> SettingsGroup | list[Problem]:
    given = {name: Raw(text, "test") for name, text in values.items()}
    return validate(Sample, variables([Sample]), given, "local")


def problems(**values: str) -> list[Problem]:
    found = judge(FINE | values)
    assert isinstance(found, list)
    return found


def test_good_values_give_a_group() -> None:
    found: Any = judge(FINE | {"PORT": "7", "HOSTS": "a, b"})
    assert ("joe", Secret(STRONG), 7, ("a", "b")) == (found.name, found.given, found.port, found.hosts)


def test_everything_that_is_missing_is_told_with_the_way_to_set_it() -> None:
    found = judge({})
    assert isinstance(found, list)
    assert messages(found) == ["NAME is not set", "MADE is not set", "GIVEN is not set"]
    assert [problem.hint for problem in found] == [
        "Set it in .env.local, as in NAME=joe.",
        "Run 'invoke env.init -e local', which makes one.",
        "Write it to .secrets/local/GIVEN, or name a file in GIVEN_FILE.",
    ]


def test_a_malformed_value_is_shown_with_the_fields_reason() -> None:
    assert messages(problems(PORT="x", HOSTS="a,*")) == [
        "PORT is 'x': it should be a valid integer, unable to parse string as an integer",
        "HOSTS is malformed: no host may be '*'",
    ]
    assert messages(problems(PORT="0")) == ["PORT is '0': it should be greater than or equal to 1"]


def test_a_long_value_is_cut_and_one_that_may_hold_a_password_not_shown() -> None:
    assert messages(problems(PORT="9a" * 50))[0].startswith(f"PORT is '{'9a' * 30}…': it should")
    assert messages(problems(PORT="user:p4ss@host"))[0].startswith("PORT is malformed: it should")


def test_pairs_that_are_none_are_told_once() -> None:
    assert messages(problems(PAIRS="x")) == ["PAIRS is 'x': it should be NAME=VALUE pairs, separated by spaces"]


def test_a_secret_never_shows_in_a_reason() -> None:
    assert messages(problems(GIVEN="bad one")) == ["GIVEN is malformed: it is not valid"]
    assert messages(problems(GIVEN="short one")) == ["GIVEN is malformed: it is too short"]


def test_values_that_do_not_fit_together_are_told_under_the_groups_title() -> None:
    assert messages(problems(PORT="13")) == ["Samples to judge do not fit together: joe has no luck with 13"]
