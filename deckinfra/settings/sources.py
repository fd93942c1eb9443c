"""Where values come from, in order, and which source each one came from.

The process environment goes before a file named by ``NAME_FILE``, that before
``.secrets/<environment>/NAME``, that before the environment's env file, and that before the default.
An empty value is no value: the next source is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deckinfra.core.settings import Problem
from deckinfra.settings.envfile import EnvFile, env_file_name, read_env_file
from deckinfra.settings.schema import Variable

ENVIRON: Final = "process environment"
"""The source of what was set outside of any file."""

SECRETS: Final = ".secrets"
"""The folder of secrets, with a folder for each environment in it."""

_LARGEST: Final = 1024 * 1024


@dataclass(frozen=True)
class Raw:
    """The text of one value, and where it is from: ``.env.local line 4``. ``line`` is 0 but for the env file."""

    text: str
    source: str
    line: int = 0


@dataclass(frozen=True)
class Sources:
    """What was set, by variable, before anything is judged; and what could not be read.

    ``unread`` are the variables that have a source, but no value for that reason.
    """

    env_file: EnvFile
    values: Mapping[str, Raw]
    unread: frozenset[str]
    problems: tuple[Problem, ...]


def secrets_folder(root: Path, environment: str) -> Path:
    """Give the folder with the secrets of one environment."""
    return root / SECRETS / environment


def read_sources(root: Path, environment: str, known: Iterable[Variable], environ: Mapping[str, str]) -> Sources:
    """Look for a value of each variable. Nothing is raised: what cannot be read is among the problems."""
    names = [variable.name for variable in known]
    env_file = read_env_file(root, env_file_name(environment))
    entries = {entry.name: Raw(entry.value, env_file.source(entry.line), entry.line) for entry in env_file.entries}
    search = _Search(root, environment, frozenset(names), entries, environ)
    found = {name: search.find(name) for name in names}
    values = {name: raw for name, raw in found.items() if isinstance(raw, Raw)}
    unread = {name: problem for name, problem in found.items() if isinstance(problem, Problem)}
    problems = dict.fromkeys((*env_file.problems, *unread.values()))
    return Sources(env_file, values, frozenset(unread), tuple(problems))


def file_variable(name: str) -> str:
    """Give the name of the variable that names the file with the value of ``name``."""
    return f"{name}_FILE"


@dataclass(frozen=True)
class _Search:
    root: Path
    environment: str
    names: frozenset[str]
    entries: Mapping[str, Raw]
    environ: Mapping[str, str]

    def find(self, name: str) -> Raw | Problem | None:
        """Ask each source in turn for the variable ``name``."""
        if self.environ.get(name):
            return Raw(self.environ[name], ENVIRON)
        pointer = file_variable(name)
        if pointer not in self.names:
            entry = self.entries.get(pointer)
            named = self.environ.get(pointer) or (entry.text if entry else "")
            if named:
                return _read(self.root / named, name, f"{pointer} ({named})", "Name a file that is there, or unset it.")
        secret = secrets_folder(self.root, self.environment) / name
        try:
            if secret.exists() or secret.is_symlink():
                hint = f"Write the secret into it, or delete it and run 'invoke env.init -e {self.environment}'."
                return _read(secret, name, str(secret.relative_to(self.root)), hint)
        except OSError as error:
            folder = str(secret.parent.relative_to(self.root))
            hint = "Make the folder yours, or run this as the user whose it is."
            return Problem(folder, f"cannot be looked into: {error.strerror}", hint, folder)
        entry = self.entries.get(name)
        return entry if entry and entry.text else None


def _read(path: Path, name: str, source: str, hint: str) -> Raw | Problem:
    try:
        if path.exists() and not path.is_file():
            return Problem(name, f"has no value: {source} is not a file", hint, source)
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        return Problem(name, f"has no value: {source} cannot be read: {error.strerror}", hint, source)
    except UnicodeDecodeError:
        return Problem(name, f"has no value: {source} is not UTF-8 text", hint, source)
    if len(data) > _LARGEST:
        return Problem(name, f"has no value: {source} is larger than 1 MiB", hint, source)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        return Problem(name, f"has no value: {source} is empty", hint, source)
    return Raw(text, source)
