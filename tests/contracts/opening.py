"""Opens what plugins register by the plugin manager, as the application does; in another process too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deckinfra.core.settings import Settings, SettingsGroup, Stage
from deckinfra.core.urls import DatabaseURL, StoreURL
from deckinfra.plugins import PluginManager
from deckinfra.ports import Engine, Environment, Store


def settings_of(manager: PluginManager) -> Settings:
    """Give settings that are all at their defaults."""
    groups: dict[type[SettingsGroup], SettingsGroup] = {}
    for group in manager.settings_groups():
        required = {name: "x" * 40 for name, field in group.model_fields.items() if field.is_required()}
        groups[group] = group.model_validate(required)
    return Settings(Stage.DEVELOPMENT, groups, ())


def open_store_of(root: Path, url: str, environ: Mapping[str, str]) -> Store:
    """Open the store at ``url`` with the plugins of the project in ``root``."""
    manager = PluginManager.load(root, environ)
    parsed = StoreURL.parse(url)
    return manager.stores.find(parsed.scheme)(parsed, root, settings_of(manager))


def open_engine_of(root: Path, url: str, environ: Mapping[str, str], name: str) -> Engine:
    """Open the engine for ``url``, with ``{}`` in it replaced by ``name``."""
    manager = PluginManager.load(root, environ)
    parsed = DatabaseURL.parse(url.format(name))
    return manager.engines.find(parsed.dialect)(parsed, root, make_environment_of(root, "local", "local", environ))


def make_environment_of(root: Path, kind: str, name: str, environ: Mapping[str, str]) -> Environment:
    """Make an environment of a kind."""
    manager = PluginManager.load(root, environ)
    return manager.environments.find(kind)(name, root, settings_of(manager))
