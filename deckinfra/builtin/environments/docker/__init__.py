"""The ``docker`` kind of environment: the application and its database in containers on this machine.

The compose files say what there is. Docker's SDK looks at it, and ``docker compose`` acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.settings import Settings, SettingsGroup
    from deckinfra.ports import Environment, EnvironmentFactory


def make_environment(name: str, root: Path, settings: Settings) -> Environment:
    """Make an environment of this kind. Docker is not asked for anything yet."""
    from .environment import DockerEnvironment

    return DockerEnvironment(name, root, settings)


@hookimpl
def deckinfra_environments() -> Mapping[str, EnvironmentFactory]:
    """Register the kind ``docker``."""
    return {"docker": make_environment}


@hookimpl
def deckinfra_settings() -> Sequence[type[SettingsGroup]]:
    """Register what the compose files are, and what they take from the settings."""
    from .settings import DockerSettings

    return (DockerSettings,)
