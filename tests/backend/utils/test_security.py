from datetime import timedelta

import pytest
from pydantic import SecretStr

from src.utils.security import Holder, Passwords, Tokens, utc_now
from tests.backend.support import KEY


def test_a_password_is_known_again_and_no_other_is() -> None:
    passwords = Passwords()
    stored = passwords.hash("pässword 🐎")
    assert passwords.verify(stored, "pässword 🐎")
    assert not passwords.verify(stored, "pässword")
    assert stored != passwords.hash("pässword 🐎")
    assert not passwords.is_outdated(stored)


@pytest.mark.parametrize("stored", [None, "", "none", "$argon2id$v=19$m=1"])
def test_where_there_is_no_good_hash_no_password_is_right(stored: str | None) -> None:
    assert not Passwords().verify(stored, "nobody has this password")


def test_a_token_is_good_for_as_long_as_agreed() -> None:
    tokens = Tokens(SecretStr(KEY), 30)
    now = utc_now()
    holder = Holder.of(7, "hash")
    assert tokens.read(tokens.issue(holder, now)) == holder
    assert tokens.read(tokens.issue(holder, now - timedelta(minutes=29))) == holder
    assert tokens.read(tokens.issue(holder, now - timedelta(minutes=30))) is None


def test_a_holder_is_known_by_the_hash_that_their_password_has() -> None:
    passwords = Passwords()
    first, again = passwords.hash("the same"), passwords.hash("the same")
    assert Holder.of(7, first).has(first)
    assert not Holder.of(7, first).has(again)
    assert first not in repr(Holder.of(7, first))


def test_nothing_that_shows_tokens_shows_the_key() -> None:
    assert KEY not in str(vars(Tokens(SecretStr(KEY), 30)))
