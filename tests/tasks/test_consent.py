from __future__ import annotations

import io

import pytest

from deckinfra import open_project
from deckinfra.errors import RefusedError
from deckinfra.tasks.consent import Given, require_consent
from deckinfra.tasks.terminal import Terminal
from tests.tasks.support import FakeTerminal, Project

LOSS = "delete everything"


def _ask(project: Project, given: Given, typed: str | None = None, *, environment: str = "local") -> str:
    project.write(".env", "DATABASE_URL=sqlite:///var/shop.db\nAPP_SECRET_KEY=kO8vN2qTz7WbYd4LxR6uJmEa1sHcGf3P\n")
    (project.root / ".env").chmod(0o600)
    stdin = io.StringIO() if typed is None else FakeTerminal(typed)
    err = io.StringIO() if typed is None else FakeTerminal()
    environ = {"APP_SECRET_KEY": "kO8vN2qTz7WbYd4LxR6uJmEa1sHcGf3P"}
    app = open_project(project.root, environment, environ=environ)
    require_consent(app, LOSS, given, Terminal(stdin, io.StringIO(), err))
    return err.getvalue()


def test_yes_on_the_command_line_is_consent(project: Project) -> None:
    assert _ask(project, Given(yes=True)) == ""


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_may_agree(project: Project, answer: str) -> None:
    assert _ask(project, Given(), answer) == "This will delete everything.\nGo ahead in 'local'? [y/N] "


@pytest.mark.parametrize("answer", ["\n", "no\n", ""])
def test_anything_but_yes_is_a_refusal(project: Project, answer: str) -> None:
    with pytest.raises(RefusedError, match="it was not agreed to delete everything"):
        _ask(project, Given(), answer)


def test_without_a_terminal_nobody_has_agreed(project: Project) -> None:
    with pytest.raises(RefusedError, match="consent is needed to delete everything") as caught:
        _ask(project, Given())
    assert caught.value.hint == "Nothing was changed. To go ahead in 'local', add --yes."


def test_a_confirmation_of_another_environment_is_a_refusal(project: Project) -> None:
    with pytest.raises(RefusedError, match="--confirm=test does not name the environment 'local'"):
        _ask(project, Given(yes=True, confirm="test"))


def test_production_wants_its_name_beside_yes(project: Project) -> None:
    with pytest.raises(RefusedError, match="'production' is production") as caught:
        _ask(project, Given(yes=True), "production\n", environment="production")
    assert caught.value.hint.endswith("add --yes --confirm=production.")
    assert _ask(project, Given(yes=True, confirm="production"), environment="production") == ""


def test_production_without_a_terminal_is_refused(project: Project) -> None:
    with pytest.raises(RefusedError, match="'production' is production"):
        _ask(project, Given(confirm="production"), environment="production")


def test_in_production_the_name_is_typed(project: Project) -> None:
    seen = _ask(project, Given(), "production\n", environment="production")
    assert "This will delete everything. It is production." in seen
    with pytest.raises(RefusedError, match="it was not confirmed to delete everything"):
        _ask(project, Given(), "yes\n", environment="production")
