"""A secret shows nothing, whichever way it is turned into text."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from deckinfra.core.secret import REDACTED, Secret, redact

PLAIN = "hunter22-κλειδί"
SECRET = Secret(PLAIN)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)

    password: Secret
    others: list[Secret] = []


@dataclass(frozen=True)
class _Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r} {secret!s} {secret!a}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - logging formats like this
        lambda secret: "{} {!r}".format(secret, secret),  # noqa: UP032
        lambda secret: str([secret, {"a": secret}, (secret,)]),
        lambda secret: str(_Holder(secret)),
        lambda secret: pprint.pformat({"password": secret}),
        lambda secret: json.dumps({"password": secret}, default=str),
        lambda secret: repr(_Model(password=secret, others=[secret])),
        lambda secret: str(_Model(password=secret).model_dump()),
        lambda secret: str(_Model(password=secret, others=[secret]).model_dump(mode="json")),
        lambda secret: _Model(password=secret, others=[secret]).model_dump_json(),
        lambda secret: str(_Model.model_json_schema()),
        lambda secret: logging.LogRecord("x", 20, "x", 1, "%s", (secret,), None).getMessage(),
    ],
)
def test_a_secret_is_not_shown(show: Callable[[Secret], str]) -> None:
    assert PLAIN not in show(SECRET)


def test_it_shows_that_it_is_a_secret() -> None:
    assert (str(SECRET), repr(SECRET)) == (REDACTED, f"Secret('{REDACTED}')")
    assert _Model(password=SECRET).model_dump_json() == f'{{"password":"{REDACTED}","others":[]}}'


@pytest.mark.parametrize("take", [json.dumps, pickle.dumps, copy.copy, copy.deepcopy, lambda secret: f"{secret:>20}"])
def test_a_secret_is_not_written_out_or_copied(take: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as caught:
        take(SECRET)
    assert PLAIN not in "".join(traceback.format_exception(caught.value))


def test_a_secret_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        SECRET.note = "x"  # type: ignore[attr-defined]
    assert not hasattr(SECRET, "__dict__")


def test_only_reveal_gives_it_back() -> None:
    assert SECRET.reveal() == PLAIN


def test_pydantic_takes_text_or_a_secret_and_nothing_else() -> None:
    assert _Model.model_validate({"password": PLAIN}) == _Model(password=SECRET)
    assert _Model.model_validate_json(json.dumps({"password": PLAIN})) == _Model(password=SECRET)
    with pytest.raises(ValidationError):
        _Model.model_validate({"password": 12345678})


def test_secrets_are_compared_by_what_they_hold() -> None:
    assert Secret(PLAIN) == SECRET
    assert Secret("another") != SECRET
    assert SECRET != PLAIN
    assert len({SECRET, Secret(PLAIN), Secret("another")}) == 2


@pytest.mark.parametrize(("value", "held"), [("", False), ("x", True)])
def test_an_empty_secret_is_none(value: str, held: bool) -> None:
    assert bool(Secret(value)) is held


def test_text_is_redacted_longest_secret_first_and_short_ones_left() -> None:
    secrets = [Secret("pass"), Secret("password1"), Secret("abc"), Secret("")]
    assert redact("password1, passport, abc", secrets) == f"{REDACTED}, {REDACTED}port, abc"
    assert redact("nothing to hide", []) == "nothing to hide"
