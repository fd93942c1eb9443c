from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.errors import DatabaseError, DeckinfraError, RefusedError, RepositoryError, UnknownNameError
from deckinfra.tasks.advice import adviser, naming_others


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


@pytest.mark.parametrize("error", [DatabaseError, RepositoryError, UnknownNameError])
def test_an_error_about_what_is_not_there_names_the_other_environments(
    tmp_path: Path, error: type[DeckinfraError]
) -> None:
    for name in ("docker", "local", "staging"):
        (tmp_path / ".secrets" / name).mkdir(parents=True)
    with pytest.raises(error) as caught, naming_others(tmp_path, "local"):
        raise error("there is none", hint="Make one.")
    assert caught.value.hint == (
        "Make one. This was the environment 'local'; another one is meant by -e docker or -e staging."
    )


def test_other_errors_and_a_project_with_one_environment_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as alone, naming_others(tmp_path, "local"):
        raise DatabaseError("there is none")
    assert alone.value.hint == ""
    (tmp_path / ".secrets" / "docker").mkdir(parents=True)
    with pytest.raises(RefusedError) as refused, naming_others(tmp_path, "local"):
        raise RefusedError("not agreed to", hint="Agree.")
    assert refused.value.hint == "Agree."
