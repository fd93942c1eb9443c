"""Env files, read as python-dotenv reads them, interpolation off, with the line of every value."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deckinfra.core.settings import Problem


@dataclass(frozen=True)
class Entry:
    """One ``NAME=VALUE`` of an env file, and the line that it begins in."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class EnvFile:
    """What one env file holds, in its order. ``problems`` are what kept parts of it, or all, from being read."""

    name: str
    exists: bool
    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()

    def source(self, line: int) -> str:
        """Say where in the file something is."""
        return f"{self.name} line {line}"


def env_file_name(environment: str) -> str:
    """Give the name of an environment's env file: ``.env`` for production, ``.env.NAME`` for any other."""
    return ".env" if environment == "production" else f".env.{environment}"


def read_env_file(root: Path, name: str) -> EnvFile:
    """Read the env file ``name`` in ``root``; one that is absent holds nothing."""
    path = root / name
    try:
        if not path.exists():
            return EnvFile(name, exists=False)
        if not path.is_file():
            return _unreadable(name, "is not a file", "Put a text file there, or nothing.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return _unreadable(name, f"cannot be read: {error.strerror}", "Make it readable for you, as with chmod u+r.")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unreadable(name, f"is not UTF-8 text (line {line})", "Save it as UTF-8.")
    return parse_env_file(name, text)


def parse_env_file(name: str, text: str) -> EnvFile:
    """Read the ``text`` of an env file."""
    parts = list(_parts(text))
    entries = tuple(part for part in parts if isinstance(part, Entry))
    problems = tuple(
        Problem(
            f"{name} line {part}",
            "is not NAME=VALUE",
            "Write one setting a line; quote a value that holds quotes or ' #', or make the line a comment with #.",
            f"{name} line {part}",
        )
        for part in parts
        if isinstance(part, int)
    )
    return EnvFile(name, True, entries, problems)


def _parts(text: str) -> Iterator[Entry | int]:
    """Give each entry, and the line number of each line that is none."""
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text, newline=None)):
        original = binding.original.string
        blank = original[: len(original) - len(original.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.key is not None and binding.value is not None:
            yield Entry(binding.key, binding.value, line)
        elif binding.error or binding.key is not None:
            yield line


def _unreadable(name: str, message: str, hint: str) -> EnvFile:
    return EnvFile(name, True, problems=(Problem(name, message, hint, name),))
