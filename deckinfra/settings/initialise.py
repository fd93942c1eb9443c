"""What the configuration lacks and can be made: the env file, and the secrets that nobody chooses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deckinfra.core.settings import SettingsGroup, Stage
from deckinfra.errors import ConfigurationError
from deckinfra.settings.load import Evaluation, evaluate
from deckinfra.settings.render import environment_text
from deckinfra.settings.schema import Variable
from deckinfra.settings.sources import SECRETS, secrets_folder
from deckinfra.system.files import sync_directory, write_atomic

_DATABASE: Final = "DATABASE_URL"


@dataclass(frozen=True)
class Change:
    """One file that was written: its path in the project, and what it is."""

    path: str
    summary: str

    def __str__(self) -> str:
        return f"{self.path}: {self.summary}"


def initialise(
    root: Path,
    name: str,
    groups: Sequence[type[SettingsGroup]],
    environ: Mapping[str, str],
    *,
    before_secrets: Callable[[Sequence[str]], Collection[str]] = lambda names: (),
) -> list[Change]:
    """Write what the environment ``name`` lacks, and give what was written: nothing, the second time.

    An env file that is absent is written from the schema, and a secret that is needed, has no value
    and can be made is written to ``.secrets/``. Nothing that is there is changed, valid or not.
    ``before_secrets`` is given the names of the secrets that will be made, before anything is written; it gives those
    that are to be left to a person, or raises.
    Raises :class:`ConfigurationError` where a file cannot be written.
    """
    before = evaluate(root, name, groups, environ)
    left = before_secrets([variable.name for variable, _ in _missing(before)])
    return [*_write_env_file(root, before, groups), *_write_secrets(root, before, left)]


def _write_env_file(root: Path, found: Evaluation, groups: Sequence[type[SettingsGroup]]) -> Iterator[Change]:
    file = found.sources.env_file
    # Production's is not committed, and may get secrets.
    mode = 0o600 if found.environment == "production" else 0o644
    # The default is for a machine of one's own: in production it would be an empty database that nobody chose.
    undecided = {_DATABASE} - found.sources.values.keys() if found.stage is Stage.PRODUCTION else set()
    text = environment_text(found.environment, groups, undecided)
    if not file.exists and _write(root, root / file.name, text, mode):
        left = f"; {_DATABASE} is left to you" if undecided else ""
        yield Change(file.name, f"env file with every setting and its default{left}")


def _write_secrets(root: Path, found: Evaluation, left: Collection[str]) -> Iterator[Change]:
    folder = secrets_folder(root, found.environment)
    for variable, generate in _missing(found):
        if variable.name in left:
            continue
        _make_folders(root, (root / SECRETS, folder))
        path = folder / variable.name
        if _write(root, path, f"{generate()}\n", 0o600):
            yield Change(str(path.relative_to(root)), "new secret, readable by you only")


def _missing(found: Evaluation) -> Iterator[tuple[Variable, Callable[[], str]]]:
    """Give the secrets that can be made, have no value, and are needed: always, or by the values of their group."""
    named = {problem.name for problem in found.problems}
    for variable in found.variables:
        absent = variable.name not in found.sources.values and variable.name not in found.sources.unread
        if absent and variable.generate is not None and variable.name in named:
            yield variable, variable.generate


def _make_folders(root: Path, folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable(folder.relative_to(root), error) from error
        sync_directory(folder.parent)


def _write(root: Path, path: Path, text: str, mode: int) -> bool:
    """Write a new file; False if somebody else has just written it."""
    try:
        write_atomic(path, text.encode(), mode=mode, replace=False)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path.relative_to(root), error) from error
    return True


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be written: {error.strerror}",
        hint="What was there is unchanged. Make the folder writable for you, and run it again.",
    )
