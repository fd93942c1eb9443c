from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup, setting
from deckinfra.plugins import PluginManager
from deckinfra.settings.check import check_settings
from deckinfra.settings.envfile import parse_env_file
from deckinfra.settings.load import load_settings
from deckinfra.settings.project import read_project
from deckinfra.settings.render import environment_text, example_text, reference_text
from deckinfra.settings.schema import variables
from tests.settings.support import GROUPS, REPOSITORY, STRONG, environ, messages, write

COMMITTED = ("local", "docker", "test")


class Mail(SettingsGroup):
    """Mail. Not all of this is the title.

    Nor is this.
    """

    mail_from: str = setting(description="Who writes, as `NAME | ADDRESS`.", example="deck@decks.example")
    mail_host: str = "localhost"
    mail_token: Secret = setting(description="What the provider gave.")


def test_the_committed_example_and_reference_are_what_the_schema_says() -> None:
    manager = PluginManager.load(REPOSITORY, environ(), read_project(REPOSITORY).require_plugins)
    groups = manager.settings_groups()
    assert (REPOSITORY / ".env.example").read_text() == example_text(groups), "run `invoke env.docs`"
    assert (REPOSITORY / "docs/configuration.md").read_text() == reference_text(groups), "run `invoke env.docs`"


@pytest.mark.parametrize("text", [example_text(GROUPS), environment_text("local", GROUPS)])
def test_every_setting_is_there_once_as_a_comment(text: str) -> None:
    assert parse_env_file(".env", text).entries == ()
    assert parse_env_file(".env", text).problems == ()
    lines = text.splitlines()
    for variable in variables(GROUPS):
        name = f"{variable.name}_FILE" if variable.secret else variable.name
        assert sum(line.startswith(f"# {name}=") for line in lines) == 1
    assert max(map(len, lines)) <= 100


def test_taking_the_comments_away_sets_each_default() -> None:
    lines = [line.removeprefix("# ") for line in example_text(GROUPS).splitlines()]
    values = {entry.name: entry.value for entry in parse_env_file(".env", "\n".join(lines)).entries}
    for variable in variables(GROUPS):
        if not variable.secret:
            assert values[variable.name] == (variable.default or "")


def test_a_copy_of_the_example_only_lacks_what_must_be_set(root: Path) -> None:
    write(root / ".env", example_text([*GROUPS, Mail]))
    found = messages(check_settings(root, "production", [*GROUPS, Mail], environ()))
    assert found == ["APP_SECRET_KEY is not set", "MAIL_FROM is not set", "MAIL_TOKEN is not set"]


def test_settings_without_a_default_show_their_example_and_that_they_are_required() -> None:
    text = example_text([Mail])
    assert "# Mail. Not all of this is the title -" in text
    assert "\n# Who writes, as NAME | ADDRESS.\n# Text. Required.\n# MAIL_FROM=deck@decks.example\n" in text
    assert "\n# Text.\n# MAIL_HOST=localhost\n" in text
    expected = "\n# A secret: never in a committed file.\n# MAIL_TOKEN_FILE=/run/secrets/MAIL_TOKEN\n"
    assert expected in text


def test_a_new_env_file_says_what_it_is_for() -> None:
    assert "(.env.staging) is committed" in environment_text("staging", GROUPS).replace("\n# ", " ")
    assert "(.env) is not committed" in environment_text("production", GROUPS).replace("\n# ", " ")


def test_the_reference_tells_each_settings_type_default_and_meaning() -> None:
    text = reference_text([*GROUPS, Mail])
    for variable in variables([*GROUPS, Mail]):
        assert f"\n| `{variable.name}` | {variable.kind} | " in text
    assert "| `MAIL_FROM` | text | none: must be set | Who writes, as `NAME \\| ADDRESS`. Example:" in text
    assert "| `MAIL_TOKEN` | secret | none: must be set |" in text
    assert "| `APP_SECRET_KEY` | secret | made by `invoke env.init` |" in text
    assert "| `DATABASE_PASSWORD` | secret | made by `invoke env.init` where needed |" in text
    assert "| `BACKUP_REPOSITORY` | text | not set |" in text
    assert "| `BACKUP_COMPRESSION_LEVEL` | whole number, 1 to 19 | `3` |" in text


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_env_files_are_right_and_hold_no_secret(root: Path, name: str) -> None:
    shutil.copy(REPOSITORY / f".env.{name}", root)
    given = environ(APP_SECRET_KEY=STRONG, DATABASE_PASSWORD=STRONG, DATABASE_ADMIN_PASSWORD=STRONG)
    groups = PluginManager.load(REPOSITORY, environ(), read_project(REPOSITORY).require_plugins).settings_groups()
    assert check_settings(root, name, groups, given) == []
    settings = load_settings(root, name, groups, given)
    entries = parse_env_file(name, (root / f".env.{name}").read_text()).entries
    assert all(settings.values[entry.name].text == entry.value for entry in entries)


@pytest.mark.parametrize("name", COMMITTED)
def test_the_committed_env_files_need_no_quotes(name: str) -> None:
    entries = parse_env_file(name, (REPOSITORY / f".env.{name}").read_text()).entries
    assert not any(set(entry.value) & set("$'\"\\# ") for entry in entries)


def compose(*words: str) -> str:
    """Run Docker Compose, which needs no engine to read files; skip where there is none."""
    done = subprocess.run(["docker", "compose", *words], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def _compose() -> None:
    """Have Docker Compose, or skip, unless it is required."""
    found = shutil.which("docker") and subprocess.run(
        ["docker", "compose", "version"], check=False, capture_output=True, timeout=60
    )
    if not found or found.returncode != 0:
        assert "compose" not in os.environ.get("DECKINFRA_REQUIRE", "").split(","), "Docker Compose is required"
        pytest.skip("needs Docker Compose")


@pytest.mark.usefixtures("_compose")
@pytest.mark.parametrize("name", [*COMMITTED, "generated"])
def test_env_files_read_the_same_in_compose(root: Path, name: str) -> None:
    file = root / ".env.test"
    if name == "generated":
        write(file, "\n".join(re.findall(r"^# ([A-Z_]+=.*)", example_text(GROUPS), re.MULTILINE)))
    else:
        shutil.copy(REPOSITORY / f".env.{name}", file)
    ours = {entry.name: entry.value for entry in parse_env_file(file.name, file.read_text()).entries}
    wanted = {variable: f"${{{variable}}}" for variable in ours}
    services = {"a": {"image": "x", "env_file": [str(file)]}, "b": {"image": "x", "environment": wanted}}
    write(root / "compose.json", json.dumps({"name": "x", "services": services}))
    shown = json.loads(compose("-f", str(root / "compose.json"), "--env-file", str(file), "config", "--format", "json"))
    assert ours == dotenv_values(file, interpolate=False)
    assert ours == shown["services"]["a"]["environment"]
    assert ours == shown["services"]["b"]["environment"]
