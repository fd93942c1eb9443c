"""Which of the plugins that were found are loaded: two variables decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from deckinfra.core.names import unknown_name
from deckinfra.plugins.discovery import Candidate, named

DISABLE: Final = "DECKINFRA_DISABLE_PLUGINS"
"""Names of plugins that are not loaded, separated by commas."""

LOAD: Final = "DECKINFRA_LOAD_PLUGINS"
"""Where set, the only plugins from outside that are loaded: names, or dotted names of modules."""


def select(candidates: Iterable[Candidate], environ: Mapping[str, str]) -> Sequence[tuple[Candidate, str]]:
    """Give each candidate with why it is not to be loaded; an empty text: it is.

    A module that only ``DECKINFRA_LOAD_PLUGINS`` names is added. A name in either variable that nothing
    has is an :class:`UnknownNameError`, since what it was meant for would not happen.
    """
    found = list(candidates)
    wanted = None
    if LOAD in environ:
        wanted = set(_names(environ[LOAD]))
        found += _modules(wanted - {candidate.name for candidate in found})
    known = {candidate.name for candidate in found}
    for name in sorted(wanted or ()):
        _insist(name, known, LOAD)
    disabled = set(_names(environ.get(DISABLE, "")))
    for name in sorted(disabled):
        _insist(name, known, DISABLE)
    return [(candidate, _reason(candidate, wanted, disabled)) for candidate in found]


def _reason(candidate: Candidate, wanted: set[str] | None, disabled: set[str]) -> str:
    if candidate.name in disabled:
        return f"named in {DISABLE}"
    if wanted is not None and candidate.origin != "built-in" and candidate.name not in wanted:
        return f"not named in {LOAD}"
    return ""


def _names(text: str) -> Iterator[str]:
    return (name.strip() for name in text.split(",") if name.strip())


def _modules(names: Iterable[str]) -> Iterator[Candidate]:
    return (named(name) for name in sorted(names) if _is_module(name))


def _is_module(name: str) -> bool:
    """Whether there is a module ``name``. One whose package fails to import is there: loading it will say why."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError as error:
        return error.name is None or not f"{name}.".startswith(f"{error.name}.")
    except (Exception, SystemExit):
        return True


def _insist(name: str, known: set[str], variable: str) -> None:
    if name not in known:
        raise unknown_name("plugin", name, known, hint=f"{variable} names it.")
