from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from deckinfra.settings.envfile import Entry, env_file_name, parse_env_file, read_env_file
from tests.settings.support import messages, unprivileged, write


def test_production_has_the_bare_name() -> None:
    assert (env_file_name("production"), env_file_name("local")) == (".env", ".env.local")


def test_an_absent_file_holds_nothing_and_says_so(root: Path) -> None:
    found = read_env_file(root, ".env.local")
    assert (found.exists, found.entries, found.problems) == (False, (), ())


def test_values_keep_their_lines(root: Path) -> None:
    text = "# first\n\nA=1\n\n\n  # more\nB='two\nlines'\nC=\nexport D=x # why\n"
    write(root / ".env", text)
    found = read_env_file(root, ".env")
    assert (Entry("A", "1", 3), Entry("B", "two\nlines", 7), Entry("C", "", 9), Entry("D", "x", 10)) == found.entries
    assert found.source(10) == ".env line 10"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_ending_and_a_byte_order_mark_are_read(root: Path, newline: str) -> None:
    write(root / ".env", "\ufeff" + newline.join(["", "A=1", "", "B=zwei ü", "C=it's"]) + newline)
    found = read_env_file(root, ".env")
    assert (Entry("A", "1", 2), Entry("B", "zwei ü", 4), Entry("C", "it's", 5)) == found.entries


def test_dollar_signs_and_quotes_stand_for_themselves() -> None:
    found = parse_env_file(".env", "A=$HOME ${B}\nB=a 'b' \"c\"\nC='$x'\n")
    assert [(e.name, e.value) for e in found.entries] == [("A", "$HOME ${B}"), ("B", "a 'b' \"c\""), ("C", "$x")]


def test_lines_that_are_no_settings_are_problems_with_their_number() -> None:
    found = parse_env_file(".env", "A=1\n\nnonsense here\nB='open\n\nJUST_A_NAME\n")
    lines = [problem.source for problem in found.problems]
    assert lines == [".env line 3", ".env line 4", ".env line 6"]
    assert messages(found.problems[:1]) == [".env line 3 is not NAME=VALUE"]


def test_text_that_is_not_utf_8_is_a_problem_with_its_line(root: Path) -> None:
    write(root / ".env", b"A=1\nB=\xe9\n")
    assert messages(read_env_file(root, ".env").problems) == [".env is not UTF-8 text (line 2)"]


def test_a_folder_or_a_pipe_in_the_files_place_is_a_problem(root: Path) -> None:
    (root / ".env.a").mkdir()
    os.mkfifo(root / ".env.b")
    assert messages(read_env_file(root, ".env.a").problems) == [".env.a is not a file"]
    assert messages(read_env_file(root, ".env.b").problems) == [".env.b is not a file"]


def test_an_unreadable_file_is_a_problem(root: Path) -> None:
    write(root / ".env", "A=1\n", mode=0o000)
    with unprivileged():
        found = read_env_file(root, ".env")
    assert messages(found.problems) == [".env cannot be read: Permission denied"]
    assert found.exists


@given(st.lists(st.sampled_from(["A", "B", "=", "'", '"', " ", "#", "\n", "\r\n", "\\", "$", "é", "export "])))
def test_values_are_those_that_python_dotenv_gives(parts: list[str]) -> None:
    text = "".join(parts)
    expected = dotenv_values(stream=io.StringIO(text, newline=None), interpolate=False)
    found = parse_env_file(".env", text)
    values = {entry.name: entry.value for entry in found.entries}
    assert set(expected) >= set(values)
    assert {name: value for name, value in expected.items() if value is not None} == {
        name: value for name, value in values.items() if expected[name] is not None
    }
    lines = text.replace("\r\n", "\n").split("\n")
    assert all(entry.name in lines[entry.line - 1] for entry in found.entries)
