from __future__ import annotations

import string

import pytest

from deckinfra.core.urls import url_password, without_url_passwords
from deckinfra.settings.strength import (
    is_placeholder,
    names_secret,
    new_secret,
    weakness,
)


def test_a_new_secret_is_letters_and_digits_and_another_each_time() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(len(secret) == 48 and set(secret) <= set(string.ascii_letters + string.digits) for secret in made)
    assert not any(weakness(secret) for secret in made)
    assert len(new_secret(20)) == 20


@pytest.mark.parametrize(
    "text",
    [
        "changeme", "CHANGE-ME", "change_me_in_production", "change this", "<your password>", "[secret]", "${SECRET}",
        "$SECRET", "{{ secret }}", "xxx", "xxxxxxxxxxxxxxxxxxxxxxxx", "......", "0", "your-secret-key-goes-here",
        "example-secret-for-the-docs", "secret", "Password123!", "secret-key", "secret_value", "TODO", "hunter2",
        "replaceme123", "put your key here", " changeme ", "insert-it",
    ],
)  # fmt: skip
def test_placeholders_are_known(text: str) -> None:
    assert is_placeholder(text)
    assert weakness(text) == "is a placeholder"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a1b2c3d4", "is weak: it has fewer than 12 characters"),
        ("abababababababab", "is weak: it has fewer than 6 different characters"),
        ("Tr0ub4dor&3x-9", None),
        ("correct horse battery staple", None),
        ("pass the salt, 4 times a day", None),
        ("ünïcode-pässwörd", None),
    ],
)
def test_weak_secrets_are_told_from_strong_ones(text: str, reason: str | None) -> None:
    assert reason == weakness(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VITE_API_SECRET", True), ("VITE_DB_PASSWORD", True), ("VITE_TOKEN", True), ("VITE_PRIVATE_THING", True),
        ("VITE_API_KEY", True), ("VITE_KEY_ID", True), ("VITE_APIKEY", True), ("vite_secret", True),
        ("VITE_API_URL", False), ("VITE_KEYBOARD", False), ("VITE_STRIPE_PUBLISHABLE_KEY", False),
        ("VITE_PUBLIC_KEY", False),
    ],
)  # fmt: skip
def test_names_give_secrets_away(name: str, expected: bool) -> None:
    assert expected == names_secret(name)


@pytest.mark.parametrize(
    ("text", "password", "shown"),
    [
        ("mysql://u:pa%40ss@h/db", "pa@ss", "mysql://u:•••@h/db"),
        ("mysql://u:p/a@ss@h/db", "p/a@ss", "mysql://u:•••@h/db"),
        ("mysql://:p@h/db", "p", "mysql://:•••@h/db"),
        ("a=sftp://u:p@h/x b=sftp://u:q@h/y", "p", "a=sftp://u:•••@h/x b=sftp://u:•••@h/y"),
        ("mysql://u@h:3306/db", None, "mysql://u@h:3306/db"),
        ("http://h:8080/user@home", None, "http://h:8080/user@home"),
        ("sqlite:///var/a:b@c.db", None, "sqlite:///var/a:b@c.db"),
        ("plain:text@here", None, "plain:text@here"),
    ],
)
def test_passwords_in_urls_are_found_and_hidden(text: str, password: str | None, shown: str) -> None:
    assert (password, shown) == (url_password(text), without_url_passwords(text))
