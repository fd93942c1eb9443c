from __future__ import annotations

import pytest

from deckinfra.tasks.advice import adviser


@pytest.mark.parametrize(
    ("program", "environment", "remote", "advice"),
    [
        ("/x/bin/invoke", None, None, "'invoke db.drill'; 'invoke env.check'; 'invoke plugins'; invoke --list"),
        (
            "invoke",
            "production",
            False,
            "'invoke db.drill -e production'; 'invoke env.check -e production'; 'invoke plugins'; invoke --list",
        ),
        ("inv", None, True, "'invoke db.drill --remote'; 'invoke env.check'; 'invoke plugins'; invoke --list"),
        (
            "/x/bin/deckinfra",
            "test",
            "usb",
            "'deckinfra db.drill -e test --remote=usb'; 'deckinfra env.check -e test'; 'deckinfra plugins'; "
            "deckinfra --list",
        ),
    ],
)
def test_commands_are_advised_as_they_have_to_be_typed_here(
    program: str, environment: str | None, remote: object, advice: str
) -> None:
    text = "'invoke db.drill'; 'invoke env.check'; 'invoke plugins'; invoke --list"
    assert adviser(program, environment, remote)(text) == advice


def test_what_a_command_says_already_is_not_said_again() -> None:
    put_right = adviser("invoke", "production", True)
    assert put_right("'invoke env.check -e other'") == "'invoke env.check -e other'"
    assert put_right("'invoke db.drill --remote=usb'") == "'invoke db.drill -e production --remote=usb'"


def test_other_texts_stay_as_they_are() -> None:
    text = "plugins invoke hooks; it's 'invoked' here, and 'invoke' there"
    assert adviser("deckinfra", "production", True)(text) == text
