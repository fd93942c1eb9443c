from __future__ import annotations

import os
from pathlib import Path

import pytest

from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup
from deckinfra.settings.schema import variables
from deckinfra.settings.sources import Raw, Sources, read_sources
from tests.settings.support import messages, unprivileged, write


class Sample(SettingsGroup):
    """Samples."""

    plain: str = "default"
    key: Secret | None = None
    key_file: str | None = None
    port: int = 1


def read(root: Path, **environ: str) -> Sources:
    return read_sources(root, "local", variables([Sample]), environ)


def test_nothing_set_is_nothing_found(root: Path) -> None:
    assert read(root).values == {}


def test_each_source_goes_before_the_next(root: Path) -> None:
    write(root / ".env.local", "\nPLAIN=from the env file\n")
    assert Raw("from the env file", ".env.local line 2", 2) == read(root).values["PLAIN"]
    write(root / ".secrets/local/PLAIN", "from the folder\n")
    assert Raw("from the folder", ".secrets/local/PLAIN") == read(root).values["PLAIN"]
    named = write(root / "a file", "from the named file\n")
    assert Raw("from the named file", "PLAIN_FILE (a file)") == read(root, PLAIN_FILE="a file").values["PLAIN"]
    expected = Raw("from outside", "process environment")
    assert expected == read(root, PLAIN="from outside", PLAIN_FILE=str(named)).values["PLAIN"]


def test_an_empty_value_is_no_value_and_the_next_source_is_asked(root: Path) -> None:
    write(root / ".env.local", "PLAIN=\nPORT=\n")
    assert read(root, PLAIN="", PLAIN_FILE="").values == {}
    write(root / ".secrets/local/PLAIN", "x")
    assert read(root, PLAIN="", PLAIN_FILE="").values["PLAIN"].text == "x"


def test_the_env_file_may_name_a_file_and_the_process_environment_another(root: Path) -> None:
    write(root / "one", "first")
    two = write(root / "two", "second")
    write(root / ".env.local", "PLAIN_FILE=one\n")
    assert Raw("first", "PLAIN_FILE (one)") == read(root).values["PLAIN"]
    assert read(root, PLAIN_FILE=str(two)).values["PLAIN"].text == "second"


def test_a_setting_whose_name_ends_in_file_is_a_setting(root: Path) -> None:
    found = read(root, KEY_FILE="nowhere")
    assert {"KEY_FILE": Raw("nowhere", "process environment")} == found.values
    assert found.problems == ()


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("x\n", "x"),
        ("x\r\n", "x"),
        ("x\n\n", "x\n"),
        ("x", "x"),
        ("\ufeffx\n", "x"),
        (" x \n", " x "),
        ("'quoted' $x ü\n", "'quoted' $x ü"),
    ],
)
def test_one_newline_at_the_end_of_a_files_content_is_not_part_of_it(root: Path, content: str, value: str) -> None:
    write(root / ".secrets/local/PLAIN", content)
    assert value == read(root).values["PLAIN"].text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * (1024 * 1024 + 1), "is larger than 1 MiB"),
    ],
)
def test_a_file_without_a_usable_value_is_a_problem_and_nothing_falls_through(
    root: Path, content: bytes, message: str
) -> None:
    write(root / ".env.local", "PLAIN=from the env file\n")
    write(root / ".secrets/local/PLAIN", content)
    found = read(root)
    assert [f"PLAIN has no value: .secrets/local/PLAIN {message}"] == messages(found.problems)
    assert "invoke env.init -e local" in found.problems[0].hint
    assert found.values == {}


def test_a_named_file_that_is_not_there_is_a_problem(root: Path) -> None:
    found = read(root, PLAIN_FILE="no/where")
    expected = "PLAIN has no value: PLAIN_FILE (no/where) cannot be read: No such file or directory"
    assert [expected] == messages(found.problems)
    assert found.problems[0].source == "PLAIN_FILE (no/where)"


def test_folders_and_pipes_are_not_read(root: Path) -> None:
    (root / ".secrets/local/PLAIN").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    found = read(root, PORT_FILE="pipe")
    assert messages(found.problems) == [
        "PLAIN has no value: .secrets/local/PLAIN is not a file",
        "PORT has no value: PORT_FILE (pipe) is not a file",
    ]


def test_what_may_not_be_read_is_a_problem(root: Path) -> None:
    write(root / ".secrets/local/PLAIN", "x", mode=0o000)
    with unprivileged():
        found = read(root)
    assert messages(found.problems) == ["PLAIN has no value: .secrets/local/PLAIN cannot be read: Permission denied"]


def test_a_folder_that_may_not_be_entered_is_a_problem(root: Path) -> None:
    write(root / ".secrets/local/PLAIN", "x")
    (root / ".secrets").chmod(0o000)
    with unprivileged():
        found = read(root)
    assert messages(found.problems) == [".secrets/local cannot be looked into: Permission denied"]
    assert found.unread == {"PLAIN", "KEY", "KEY_FILE", "PORT"}


def test_problems_of_the_env_file_are_kept(root: Path) -> None:
    write(root / ".env.local", "nonsense\nPORT=4\n")
    found = read(root)
    assert messages(found.problems) == [".env.local line 1 is not NAME=VALUE"]
    assert found.values["PORT"].text == "4"
