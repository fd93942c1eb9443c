from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.errors import ConfigurationError
from deckinfra.settings.project import ProjectConfig, read_project
from tests.settings.support import unprivileged, write


def test_a_folder_without_setup_cfg_gets_defaults(root: Path) -> None:
    assert ProjectConfig(root, root.name, "local", (), root / "migrations") == read_project(root)


def test_a_setup_cfg_without_the_section_gets_defaults(root: Path) -> None:
    write(root / "setup.cfg", "[metadata]\nname = other\n")
    assert ProjectConfig(root, root.name, "local", (), root / "migrations") == read_project(root)


def test_every_key_is_read_and_percent_signs_stand_for_themselves(root: Path) -> None:
    text = (
        "\ufeff[deckinfra]\nname = 100% Déck\ndefault_environment = stage-2\nrequire_plugins =\n  one\n  two, three\n"
    )
    write(root / "setup.cfg", text + "migrations = db/revisions\n")
    expected = ProjectConfig(root, "100% Déck", "stage-2", ("one", "two", "three"), root / "db/revisions")
    assert expected == read_project(root)


def test_the_root_of_the_file_system_has_a_name_too() -> None:
    assert read_project(Path("/")).name == "project"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[deckinfra]\nmigration = x\n", "setup.cfg has an unknown key 'migration'", "Did you mean 'migrations'?"),
        ("[deckinfra]\ncolour = x\n", "setup.cfg has an unknown key 'colour'", "Known: name, default_environment,"),
        ("[deckinfra]\ndefault_environment = ../x\n", "'../x' as default_environment", "Names start with"),
        ("name = x\n", "setup.cfg cannot be parsed: File contains no section headers.", "Mend setup.cfg"),
        ("[a]\nx = 1\nx = 2\n", "option 'x' in section 'a' already exists", "Mend setup.cfg"),
        (b"[deckinfra]\nname = \xff\n", "setup.cfg is not UTF-8 text", "Save it as UTF-8."),
    ],
)
def test_a_wrong_file_is_one_clear_line(root: Path, text: str | bytes, message: str, hint: str) -> None:
    write(root / "setup.cfg", text)
    with pytest.raises(ConfigurationError) as caught:
        read_project(root)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_a_folder_in_the_files_place_is_named(root: Path) -> None:
    (root / "setup.cfg").mkdir()
    with pytest.raises(ConfigurationError, match=r"setup\.cfg cannot be read: Is a directory"):
        read_project(root)


def test_an_unreadable_file_is_named(root: Path) -> None:
    write(root / "setup.cfg", "[deckinfra]\n", mode=0o000)
    with unprivileged(), pytest.raises(ConfigurationError, match=r"setup\.cfg cannot be read: Permission denied"):
        read_project(root)


def test_the_process_environment_chooses_another_default_environment(root: Path) -> None:
    (root / "setup.cfg").write_text("[deckinfra]\ndefault_environment = staging\n")
    assert read_project(root, {"DECKINFRA_ENVIRONMENT": "docker"}).default_environment == "docker"
    assert read_project(root, {"DECKINFRA_ENVIRONMENT": ""}).default_environment == "staging"
    with pytest.raises(ConfigurationError, match=r"DECKINFRA_ENVIRONMENT is '\.\./x', which cannot be a name"):
        read_project(root, {"DECKINFRA_ENVIRONMENT": "../x"})
