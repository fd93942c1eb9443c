"""Consent: nothing is destroyed without a person saying so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckinfra.errors import RefusedError

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.tasks.terminal import Terminal

_NOTHING = "Nothing was changed."


@dataclass(frozen=True)
class Given:
    """What the command line says: ``--yes``, and ``--confirm=NAME``."""

    yes: bool = False
    confirm: str | None = None


def require_consent(project: App, loss: str, given: Given, terminal: Terminal) -> None:
    """Return if a person agrees to ``loss``, which says what will be done: ``replace the database …``.

    ``--yes`` agrees; on a terminal a person is asked; in production the environment's name must be
    typed, or given by ``--confirm`` beside ``--yes``. Otherwise raises :class:`RefusedError`.
    """
    from deckinfra.core.settings import Stage

    name = project.environment_name
    if given.confirm is not None and given.confirm != name:
        raise RefusedError(
            f"--confirm={given.confirm} does not name the environment '{name}'", hint=f"{_NOTHING} Check -e."
        )
    if project.settings.stage is Stage.PRODUCTION:
        _in_production(name, loss, given, terminal)
    elif not given.yes:
        _elsewhere(name, loss, terminal)


def _in_production(name: str, loss: str, given: Given, terminal: Terminal) -> None:
    if given.yes and given.confirm == name:
        return
    if given.yes or not terminal.is_interactive():
        raise RefusedError(
            f"'{name}' is production, and it was not confirmed to {loss}",
            hint=f"{_NOTHING} To go ahead, add --yes --confirm={name}.",
        )
    terminal.say(f"This will {loss}. It is production.")
    if terminal.ask(f"Type the environment's name ({name}) to go ahead:") != name:
        raise RefusedError(f"it was not confirmed to {loss}", hint=_NOTHING)


def _elsewhere(name: str, loss: str, terminal: Terminal) -> None:
    if not terminal.is_interactive():
        raise RefusedError(
            f"consent is needed to {loss}, and there is no terminal to ask on",
            hint=f"{_NOTHING} To go ahead in '{name}', add --yes.",
        )
    terminal.say(f"This will {loss}.")
    if terminal.ask(f"Go ahead in '{name}'? [y/N]").lower() not in {"y", "yes"}:
        raise RefusedError(f"it was not agreed to {loss}", hint=_NOTHING)
