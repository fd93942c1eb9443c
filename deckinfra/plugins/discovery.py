"""Where plugins are found: in the box, among the installed packages, in the project's own folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import deckinfra
from deckinfra.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "deckinfra"
"""The entry-point group under which a package declares its plugins."""

FOLDER: Final = "plugins"
"""The folder in a project that holds the project's own plugins."""

BUILT_IN: Final = {
    "settings-standard": "deckinfra.builtin.standard_settings",
    "environment-local": "deckinfra.builtin.environments.local",
    "environment-docker": "deckinfra.builtin.environments.docker",
    "engine-sqlite": "deckinfra.builtin.engines.sqlite",
    "engine-mysql": "deckinfra.builtin.engines.mysql",
    "engine-client": "deckinfra.builtin.engines.client",
    "store-directory": "deckinfra.builtin.stores.directory",
}
"""What comes in the box: plugin name → module, loaded as anybody's."""

_METADATA: Final = (".dist-info", ".egg-info", "egg-info")
_SECTION: Final = f"[{GROUP}]".encode()


@dataclass(frozen=True)
class Candidate:
    """A plugin that was found and not loaded yet. ``load`` runs its code; ``version`` may read files."""

    name: str
    origin: str
    location: str
    load: Callable[[], Any]
    version: Callable[[], str] = str


def built_in() -> Iterator[Candidate]:
    """Give the plugins in the box."""
    for name, module in BUILT_IN.items():
        yield Candidate(name, "built-in", module, partial(import_module, module), _own_version)


def installed() -> Iterator[Candidate]:
    """Give the plugins that installed packages declare in the entry-point group."""
    if not _declared(sys.path, sys.meta_path):
        return
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        yield Candidate(entry.name, "installed", entry.value, entry.load, partial(_version, entry))


def named(module: str) -> Candidate:
    """Give an importable module as a plugin; its name is the module's."""
    return Candidate(module, "installed", module, partial(import_module, module))


def project(root: Path) -> Iterator[Candidate]:
    """Give the modules and packages in the project's plugins folder, by name.

    Those whose name starts with ``_`` or ``.`` are helpers and no plugins. All are imported as members
    of one private package, so that they can import each other relatively.
    """
    folder = root / FOLDER
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder} cannot be read: {error.strerror}",
            hint="Plugins are looked for in it. Make it readable, or remove it.",
        ) from error
    for path in entries:
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            location = f"{FOLDER}/{path.name}"
            yield Candidate(path.stem, "project", location, partial(_load_from, folder, path.stem))


def _own_version() -> str:
    return deckinfra.__version__


def _load_from(folder: Path, name: str) -> ModuleType:
    return import_module(f"{_package_of(folder)}.{name}")


def _package_of(folder: Path) -> str:
    """Name the private package whose members are the modules in ``folder``; it stays as long as the process does."""
    path = [str(folder)]
    names = (f"deckinfra_project_plugins_{number}" for number in count(1))
    return next(name for name in names if list(sys.modules.setdefault(name, _package(name, path)).__path__) == path)


def _package(name: str, path: list[str]) -> ModuleType:
    package = ModuleType(name)
    package.__path__ = path
    return package


def _version(entry: EntryPoint) -> str:
    metadata = entry.dist.metadata if entry.dist else None
    return metadata["Version"] if metadata and "Version" in metadata else ""


def _declared(path: list[str], finders: list[Any]) -> bool:
    """Whether any installed package may declare a plugin.

    Importing ``importlib.metadata`` takes longer than all the rest of loading, at every start, and most
    machines have no plugin installed. This only looks into the same files for the name of the group. It never
    says no where ``importlib.metadata`` would find one: archives on the path and other finders count as yes.
    """
    if any(hasattr(finder, "find_distributions") for finder in finders if finder is not PathFinder):
        return True
    return any(_declared_in(folder or ".") for folder in path)


def _declared_in(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(_declares(Path(entry.path)) for entry in entries if entry.name.lower().endswith(_METADATA))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _declares(metadata: Path) -> bool:
    try:
        return _SECTION in (metadata / "entry_points.txt").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
