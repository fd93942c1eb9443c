"""What the stack adds to a check of the settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deckinfra.errors import ConfigurationError
from tests.services.support import BOUND
from tests.support.stacks import StackProject

MakeStack = Callable[..., StackProject]


def test_a_password_that_the_stack_still_has_is_told_in_one_step(shop: StackProject) -> None:
    assert shop.open().check_settings() == []
    (shop.root / ".secrets" / "docker" / "DATABASE_PASSWORD").unlink()
    (problem,) = shop.open().check_settings()
    assert problem.name == "DATABASE_PASSWORD"
    way = "The stack has a copy: (umask 077; mkdir -p .secrets/docker; docker run "
    assert way in problem.hint
    with pytest.raises(ConfigurationError, match="DATABASE_PASSWORD is not set") as caught:
        shop.open().require_settings()
    assert way in caught.value.hint
    assert caught.value.hint.startswith("Nothing was done. A new one would not open it: put the old one back into ")


def test_a_password_of_a_database_that_is_yet_to_be_made_is_made_by_a_task(make_stack: MakeStack) -> None:
    project = make_stack(BOUND)
    (project.root / ".secrets" / "docker" / "DATABASE_PASSWORD").unlink()
    (problem,) = project.open().check_settings()
    assert "'invoke env.init' makes one" in problem.hint


@pytest.mark.parametrize(
    ("host", "told"),
    [("base", False), ("bsae", True), ("bases", True), ("base.example.org", False), ("elsewhere", False)],
)
def test_a_host_that_is_almost_a_service_is_a_slip(make_stack: MakeStack, host: str, told: bool) -> None:
    project = make_stack(BOUND)
    env = project.root / ".env.docker"
    env.write_text(env.read_text().replace("@base:", f"@{host}:"))
    problems = project.open().check_settings()
    assert [(each.name, each.message) for each in problems] == (
        [("DATABASE_URL", f"names the host '{host}', which is no service of the stack")] if told else []
    )
    for problem in problems:
        assert problem.hint.startswith("Did you mean base? ")
        assert problem.source == ".env.docker line 2"


@pytest.mark.parametrize("compose", [BOUND, "nonsense"])
def test_what_is_wrong_with_the_settings_themselves_is_told_without_a_stack(
    make_stack: MakeStack, compose: str
) -> None:
    project = make_stack(compose)
    env = project.root / ".env.docker"
    env.write_text(env.read_text().replace("mysql+pymysql://", "mysql+pymysql:") + "BACKUP_THREADS=many\n")
    assert {each.name for each in project.open().check_settings()} == {"DATABASE_URL", "BACKUP_THREADS"}
