"""The settings that the library itself and the application use, registered as any plugin's are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deckinfra.hookspecs import hookimpl

if TYPE_CHECKING:
    from deckinfra.core.settings import SettingsGroup


@hookimpl
def deckinfra_settings() -> Sequence[type[SettingsGroup]]:
    """Register the standard groups."""
    from deckinfra.settings.groups import ApplicationSettings, BackupSettings, DatabaseSettings, ProjectSettings

    return (ProjectSettings, DatabaseSettings, BackupSettings, ApplicationSettings)
