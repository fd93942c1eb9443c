import subprocess
import sys
from pathlib import Path

import pytest

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, MigrationError, UsageError
from deckinfra.migrations import Migrator
from tests.migrations.support import ENV, ROOT, tables, three, write_folder

MODELS = """
import sqlalchemy as sa
from deckinfra.migrations.environment import run

metadata = sa.MetaData()
sa.Table("first", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.String(20)))
reference = sa.ForeignKey("first.id", name="fk_other_first")
sa.Table("other", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("first", reference))
run(metadata)
"""


def passes_ruff(path: Path, *command: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    config = ROOT / "pyproject.toml"
    arguments: list[str | Path] = [ruff, *command, "--config", config, "--no-cache", path]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_revision_follows_the_newest_and_can_be_applied(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    path = migrator.new_revision("Decks have  a\ndescription")
    assert tmp_path / "migrations" / "versions" / "0004_decks_have_a_description.py" == path
    last = migrator.history()[-1]
    assert (last.revision, last.parents, last.message) == ("0004", ("0003",), "Decks have a description")
    assert migrator.upgrade().after == ("0004",)
    assert migrator.downgrade().after == ("0003",)


def test_the_first_revision_of_all_has_no_parent(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = Migrator(write_folder(tmp_path / "migrations"), sqlite_url)
    migrator.new_revision("begin")
    assert [(entry.revision, entry.parents) for entry in migrator.history()] == [("0001", ())]
    assert not Path(sqlite_url.database).exists()


def test_an_empty_revision_keeps_to_the_house_rules(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    path = three(tmp_path, sqlite_url).new_revision("nothing yet")
    passes_ruff(path, "check", "--ignore", "D")
    passes_ruff(path, "format", "--check")


@pytest.mark.parametrize("message", ['say "hi"', "ends in \\", '"""', "naïve ${1 + 1} % {x} - 日本", "it's \\n"])
def test_a_message_stays_as_it_was_written(tmp_path: Path, sqlite_url: DatabaseURL, message: str) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.new_revision(message)
    assert migrator.history()[-1].message == message


@pytest.mark.parametrize("message", ["", "  \n ", "x" * 101])
def test_a_message_that_is_empty_or_too_long_is_refused(tmp_path: Path, sqlite_url: DatabaseURL, message: str) -> None:
    migrator = three(tmp_path, sqlite_url)
    with pytest.raises(UsageError, match="a message of 1 to 100 characters"):
        migrator.new_revision(message)
    assert len(migrator.history()) == 3


def test_without_a_folder_there_is_no_place_for_it(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    with pytest.raises(MigrationError, match="there is no folder"):
        Migrator(tmp_path / "none", sqlite_url).new_revision("begin")


def test_without_a_template_it_says_which_file_to_look_at(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    (migrator.folder / "script.py.mako").unlink()
    with pytest.raises(MigrationError, match="no revision could be written") as caught:
        migrator.new_revision("more")
    assert "script.py.mako" in caught.value.hint


def test_models_are_compared_with_the_database(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    (migrator.folder / "env.py").write_text(MODELS)
    migrator.upgrade()
    path = migrator.new_revision("what the models say", autogenerate=True)
    passes_ruff(path, "check", "--ignore", "D")
    assert migrator.upgrade().after == ("0004",)
    assert tables(sqlite_url) == {"first", "other"}
    with pytest.raises(MigrationError, match="nothing to write a revision for"):
        migrator.new_revision("again", autogenerate=True)
    migrator.downgrade()
    assert tables(sqlite_url) == {"first", "second", "third"}


def test_models_are_compared_only_when_the_database_is_up_to_date(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    with pytest.raises(MigrationError, match="is not up to date") as caught:
        migrator.new_revision("early", autogenerate=True)
    assert "invoke db.migrate" in caught.value.hint
    assert not Path(sqlite_url.database).exists()


def test_an_env_without_models_says_what_to_hand_over(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    with pytest.raises(MigrationError, match="hands over no models") as caught:
        migrator.new_revision("models", autogenerate=True)
    assert "run(metadata)" in caught.value.hint
    assert len(migrator.history()) == 3


def test_an_env_that_fails_is_told(tmp_path: Path, sqlite_url: DatabaseURL) -> None:
    migrator = three(tmp_path, sqlite_url)
    migrator.upgrade()
    (migrator.folder / "env.py").write_text(f"raise KeyError('x')\n{ENV}")
    with pytest.raises(MigrationError, match=r"no revision could be written .*KeyError"):
        migrator.new_revision("models", autogenerate=True)
    (migrator.folder / "env.py").write_text(
        "from deckinfra.errors import ConfigurationError\nraise ConfigurationError('c')"
    )
    with pytest.raises(ConfigurationError, match=r"^c$"):
        migrator.new_revision("models", autogenerate=True)
