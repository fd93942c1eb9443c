from __future__ import annotations

import time
from pathlib import Path

from deckinfra.settings.committed import Repository, secrets_in
from deckinfra.settings.envfile import parse_env_file
from deckinfra.settings.schema import variables
from tests.settings.support import GROUPS, STRONG, environ, git, messages, write

BY_DESIGN = {".env.example", ".env.local", ".env.docker", ".env.test"}


def test_without_a_repository_the_design_says_what_is_committed(root: Path) -> None:
    found = Repository(root, environ())
    assert found.env_files == BY_DESIGN
    assert found.unignored([".env"]) == ()
    assert found.holding([STRONG]) == ()


def test_without_git_the_design_says_what_is_committed(root: Path) -> None:
    git(root, "init")
    assert Repository(root, {"PATH": str(root)}).env_files == BY_DESIGN


def test_a_git_that_hangs_is_given_up(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "git", "#!/bin/sh\nexec sleep 60\n", mode=0o755)
    start = time.monotonic()
    found = Repository(root, environ(PATH=f"{tmp_path}:/usr/bin:/bin"), time_limit=0.2)
    assert found.env_files == BY_DESIGN
    assert time.monotonic() - start < 30


def test_in_a_repository_git_says_what_is_committed(root: Path) -> None:
    git(root, "init")
    write(root / ".env.local", "")
    write(root / ".env.mine", "")
    write(root / ".secrets/local/KEY ü", "")
    git(root, "add", ".env.local", ".secrets")
    assert {".env.local", ".secrets/local/KEY ü"} == Repository(root, environ()).env_files


def test_a_project_in_a_folder_of_a_repository_is_asked_about_itself(root: Path) -> None:
    git(root, "init")
    write(root / ".env.local", "")
    write(root / "sub/.env.test", "")
    write(root / "other/file", STRONG)
    git(root, "add", ".")
    found = Repository(root / "sub", environ())
    assert {".env.test"} == found.env_files
    assert found.holding([STRONG]) == ()


def test_from_within_a_git_hook_the_projects_own_repository_is_asked(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(root, "init")
    write(root / ".env.local", "")
    git(root, "add", ".")
    hook = environ(GIT_DIR=str(tmp_path / ".git"), GIT_INDEX_FILE=str(tmp_path / "index"), GIT_PREFIX="x/")
    assert {".env.local"} == Repository(root, hook).env_files


def test_what_git_would_commit_is_told(root: Path) -> None:
    git(root, "init")
    write(root / ".gitignore", "/.env\n")
    write(root / ".env.test", "")
    git(root, "add", ".env.test")
    asked = [".env", ".secrets/local/A", ".env.test"]
    assert Repository(root, environ()).unignored(asked) == (".secrets/local/A",)
    assert Repository(root, environ()).unignored([]) == ()


def test_committed_files_that_hold_a_secret_are_found(root: Path) -> None:
    git(root, "init")
    write(root / "compose ü.yaml", f"password: {STRONG}\n")
    write(root / "other.txt", "short1 line\n")
    git(root, "add", ".")
    write(root / "untracked.txt", STRONG)
    found = Repository(root, environ())
    assert found.holding(["short1", "two\nlines", STRONG, "not anywhere"]) == ("compose ü.yaml",)
    assert found.holding(["short1", "two\nlines"]) == ()


def test_a_secret_is_not_a_pattern(root: Path) -> None:
    git(root, "init")
    write(root / "a", "anything at all\n")
    git(root, "add", ".")
    assert Repository(root, environ()).holding([".*.*.*.*", "-e anything"]) == ()


def test_secrets_in_a_file_are_those_of_the_schema_and_passwords_in_urls() -> None:
    text = f"""
APP_SECRET_KEY={STRONG}
DATABASE_PASSWORD=changeme
DATABASE_URL=mysql://u:p@h/db
APP_PORT=1
STRIPE_SECRET={STRONG}
STRIPE_SECRET_FILE=/run/secrets/stripe
"""
    file = parse_env_file(".env.test", text)
    known = variables(GROUPS)
    expected = [
        "APP_SECRET_KEY is a secret in the committed .env.test",
        "DATABASE_URL has a password in its URL, in the committed .env.test",
    ]
    assert expected == messages(list(secrets_in(file, known, guess=False)))
    guessed = messages(list(secrets_in(file, known, guess=True)))
    assert [*expected, "STRIPE_SECRET is a secret in the committed .env.test"] == guessed
