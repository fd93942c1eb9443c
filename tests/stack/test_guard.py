"""A start whose settings are not those that were meant is refused before anything has started."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stack.support import ROOT, Images, Stack, copy_checkout, docker, running
from tests.support.servers import IMAGES

# Only `secrets` is started, which runs in the database's image.
NONE = Images(IMAGES["mysql"], "deck-tests-none", "none")


@pytest.fixture(scope="module")
def stack(_docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A copy of the checkout, whose env files the tests write anew."""
    with running(Stack(copy_checkout(tmp_path_factory.mktemp("guard")), NONE)) as stack:
        yield stack


def start(stack: Stack, *options: str, add: str = "", **values: str) -> subprocess.CompletedProcess[str]:
    """Run ``secrets`` alone, as Compose does first of all; with ``options`` of Compose."""
    changed = replace(stack, add=add, values=values)
    return changed.compose(*options, "run", "--rm", "--no-TTY", "secrets", good=False)


def write(folder: Path, name: str, *lines: str) -> None:
    """Write an env file."""
    (folder / name).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def committed(stack: Stack) -> str:
    """The env file of ``docker`` as it is committed, and no other there."""
    (stack.folder / ".env").unlink(missing_ok=True)
    text = (ROOT / ".env.docker").read_text()
    (stack.folder / ".env.docker").write_text(text)
    return text


@pytest.mark.parametrize("options", [(), ("--env-file", ".env.docker")], ids=["unread", "read"])
def test_the_env_file_as_committed_may_be_read_or_not(options: tuple[str, ...], stack: Stack, committed: str) -> None:
    done = start(stack, *options)
    assert done.returncode == 0, done.stderr


def test_a_changed_env_file_that_was_not_read_is_refused_with_the_command_that_reads_it(
    stack: Stack, committed: str
) -> None:
    write(stack.folder, ".env.docker", committed, "# a remark", "DATABASE_IMAGE=mariadb:11.8", "export APP_PORT=9000")
    done = start(stack)
    assert done.returncode == 3
    assert "error: .env.docker sets DATABASE_IMAGE APP_PORT, and Compose was not told to read it\n" in done.stderr
    assert (
        "hint: Nothing else was started, the data is as it was. docker compose --env-file .env.docker up --detach"
        in done.stderr
    )
    assert start(stack, "--env-file", ".env.docker").returncode == 0


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (("COMPOSE_FILES=docker-compose.yml,docker-compose.external.yml",), "COMPOSE_FILES"),
        (("COMPOSE_FILE=docker-compose.yml:mine.yml",), "COMPOSE_FILE"),
        (("DECKINFRA_KIND=local",), "DECKINFRA_KIND"),
        (("COMPOSE_FILES=docker-compose.yml", "COMPOSE_FILE=docker-compose.yml", "DECKINFRA_KIND=docker\r"), ""),
        (('DATABASE_ADMIN_USER="root"', "DATABASE_URL='mysql+pymysql://deck@database:3306/deck'"), ""),
        (
            ('DATABASE_ADMIN_USER="admin"', "DATABASE_URL='mysql+pymysql://deck@database:3306/deck"),
            "DATABASE_ADMIN_USER DATABASE_URL",
        ),
        ((), ""),
    ],
    ids=["files", "file", "kind", "as-compose-takes-them", "quoted", "quoted-others", "nothing"],
)
def test_other_compose_files_in_an_env_file_that_was_not_read_are_noticed(
    lines: tuple[str, ...], named: str, stack: Stack, committed: str
) -> None:
    write(stack.folder, ".env.docker", *lines)
    done = start(stack)
    assert done.returncode == (3 if named else 0), done.stderr
    if named:
        assert f"error: .env.docker sets {named}, and Compose was not told to read it\n" in done.stderr


def test_a_task_that_is_refused_is_given_back_to_be_pasted(stack: Stack, tmp_path: Path) -> None:
    write(tmp_path, ".env.docker", "APP_PORT=9000")
    guard = ("--volume", f"{ROOT}/scripts/container:/scripts:ro", "--volume", f"{tmp_path}/.env.docker:/env-file:ro")
    words = ("run", "--rm", "ops", "invoke", "db.shell", "--args=-e 'SELECT 1'")
    script = (IMAGES["mysql"], "/scripts/guard.sh", *words)
    done = docker(
        *("run", "--rm", "--network=none", "--env=DECKINFRA_ENVIRONMENT=docker", "--entrypoint=/bin/bash", *guard),
        *script,
        good=False,
    )
    assert done.returncode == 3
    hint = done.stderr.partition("hint: ")[2]
    assert hint.startswith("It was not run, the data is as it was. docker compose --env-file .env.docker run ")
    pasted = hint.partition("docker compose --env-file .env.docker ")[2].partition(", or with the tasks")[0]
    assert tuple(shlex.split(pasted)) == words


def test_production_is_not_started_by_the_files_for_development(stack: Stack, committed: str) -> None:
    write(stack.folder, ".env", "DECKINFRA_KIND=docker", "COMPOSE_FILES=docker-compose.yml,docker-compose.prod.yml")
    done = start(stack)
    assert done.returncode == 3
    assert "these are production's settings, and docker-compose.prod.yml is not among the compose files" in done.stderr
    assert "docker compose -f docker-compose.yml -f docker-compose.prod.yml up --detach" in done.stderr
    assert start(stack, add="prod").returncode == 0


@pytest.mark.parametrize(
    ("name", "stage", "code"),
    [("production", "", 3), ("shop", "production", 3), ("production-copy", "development", 0)],
)
def test_production_is_known_by_its_name_and_by_its_stage(
    name: str, stage: str, code: int, stack: Stack, committed: str
) -> None:
    values = {"DECKINFRA_ENVIRONMENT": name, "DECKINFRA_STAGE": stage}
    assert start(stack, add="dev", **values).returncode == code
    assert start(stack, add="prod", **values).returncode == 0


OWN = "mysql+pymysql://deck@database:3306/deck"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{OWN}?charset=utf8mb4", None),
        (f"{OWN}?program_name=a:b@c", None),
        ("mysql+pymysql://shop@database:3306/deck", "this stack's own database and its user are both called deck"),
        ("mysql+pymysql://deck:Pw4@database:3306/deck", "DATABASE_URL has a password in it"),
        (f"{OWN}?password=Pw4", "DATABASE_URL has a password in it"),
        ("mysql+pymysql://deck:a/Pw4@elsewhere.example/deck", "DATABASE_URL has a password in it"),
        ("mysql+pymysql://deck@elsewhere.example/deck", "which is not this stack's own database"),
    ],
    ids=[
        "own",
        "own-with-an-at-sign",
        "another-user",
        "password",
        "password-option",
        "password-with-a-slash",
        "elsewhere",
    ],
)
def test_the_database_is_the_stacks_own_or_said_to_be_elsewhere(
    url: str, message: str | None, stack: Stack, committed: str
) -> None:
    done = start(stack, DATABASE_URL=url)
    assert done.returncode == (3 if message else 0), done.stderr
    assert (message or "") in done.stderr
    assert "Pw4" not in done.stderr


def test_for_a_database_elsewhere_no_password_is_made_up(stack: Stack, committed: str) -> None:
    folder = stack.folder / ".secrets" / "elsewhere"
    values = {
        "DECKINFRA_ENVIRONMENT": "elsewhere",
        "DATABASE_URL": "mysql+pymysql://shop@elsewhere.example/decks?a=b:c@d",
    }
    elsewhere = ("-f", "docker-compose.external.yml")
    for url in ("", OWN, "mysql+pymysql://shop@database/decks"):
        done = start(stack, *elsewhere, **values | {"DATABASE_URL": url})
        assert done.returncode == 3
        assert (
            "docker-compose.external.yml is among the compose files, and DATABASE_URL names no database elsewhere"
            in done.stderr
        )
    done = start(stack, *elsewhere, **values)
    assert done.returncode == 3
    assert ".secrets/elsewhere/DATABASE_PASSWORD is missing or empty" in done.stderr
    (folder / "DATABASE_PASSWORD").write_text("as the provider said\n")
    assert start(stack, *elsewhere, **values).returncode == 0
    assert {path.name for path in folder.iterdir()} == {"DATABASE_PASSWORD", "APP_SECRET_KEY"}


def test_a_stack_of_another_checkout_that_is_called_the_same_is_left_alone(
    stack: Stack, committed: str, tmp_path: Path
) -> None:
    first = replace(stack, folder=copy_checkout(tmp_path / "the first"), project=f"{stack.project}-first")
    other = replace(first, folder=copy_checkout(tmp_path / "copy"))
    with running(first):
        assert start(first).returncode == 0
        done = start(other)
        assert done.returncode == 3
        volume = f"{first.project}_backups"
        assert (
            f"error: the stack '{first.project}' is another folder's, whose backups its volume '{volume}' has: "
            f"{first.folder / 'backups'}\n" in done.stderr
        )
        compose = f"'docker compose --env-file .env.docker --project-name {first.project}"
        assert f"{compose} up --detach' in that folder" in done.stderr
        assert f"{compose} down', then 'docker volume rm {volume}'" in done.stderr
        assert "COMPOSE_PROJECT_NAME" in done.stderr
        assert list((other.folder / ".secrets").iterdir()) == [], "secrets were made for a stack that has others"
        with running(replace(other, project=f"{first.project}-2")) as second:
            assert start(second).returncode == 0


def test_a_checkout_that_was_moved_keeps_its_stack_as_it_is_told(stack: Stack, committed: str, tmp_path: Path) -> None:
    old = replace(stack, folder=copy_checkout(tmp_path / "before"), project=f"{stack.project}-moved")
    new = replace(old, folder=tmp_path / "after")
    try:
        assert start(old).returncode == 0
        secret = (old.folder / ".secrets" / "docker" / "DATABASE_PASSWORD").read_text()
        old.folder.rename(new.folder)
        assert start(new).returncode != 0
        docker("volume", "rm", f"{new.project}_backups")
        assert start(new).returncode == 0
        assert (new.folder / ".secrets" / "docker" / "DATABASE_PASSWORD").read_text() == secret
    finally:
        (new if new.folder.exists() else old).down()
