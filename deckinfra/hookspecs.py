"""Every hook. A plugin implements those that it needs, marked with :data:`hookimpl`.

Registering hooks are called once, when their registry is first needed, and must be quick: return
names and functions, and import libraries inside those functions. Two plugins that register one name
are an error that names both.

Lifecycle hooks are called in the order in which the plugins were loaded: built-ins, installed
packages, the project's own. An error in a ``before`` hook stops what was about to begin, and one in an
``after`` hook fails the task; what the phase did stays done. ``deckinfra_on_failure`` is called for every plugin,
whatever the others do, and an error in it is only reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.manifest import Manifest
    from deckinfra.core.settings import SettingsGroup
    from deckinfra.ports import Check, EngineFactory, EnvironmentFactory, Seed, SmokeQuery, StoreFactory
    from deckinfra.services.results import MigrateResult, RestoreResult, SetupResult

hookspec = pluggy.HookspecMarker("deckinfra")
hookimpl = pluggy.HookimplMarker("deckinfra")
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def deckinfra_environments() -> Mapping[str, EnvironmentFactory]:  # type: ignore[empty-body]
    """Register kinds of environment: kind → factory. Called when an environment is first asked for."""


@hookspec
def deckinfra_engines() -> Mapping[str, EngineFactory]:  # type: ignore[empty-body]
    """Register database engines: URL dialect (``mysql``), or a name for ``DATABASE_ENGINE`` → factory.

    Called when a database is first asked for.
    """


@hookspec
def deckinfra_stores() -> Mapping[str, StoreFactory]:  # type: ignore[empty-body]
    """Register stores: URL scheme (``sftp``) → factory. Called when a repository is first opened."""


@hookspec
def deckinfra_settings() -> Sequence[type[SettingsGroup]]:  # type: ignore[empty-body]
    """Register groups of settings. Called when settings are first read. A variable has one owner."""


@hookspec
def deckinfra_tasks() -> Sequence[Any]:  # type: ignore[empty-body]
    """Register extra tasks: Invoke collections, each named, made with :func:`deckinfra.tasks.task`.

    Called at every start, ``invoke --list`` included.
    """


@hookspec
def deckinfra_checks() -> Sequence[Check]:  # type: ignore[empty-body]
    """Register what else ``invoke doctor`` should look at. Called by ``doctor``."""


@hookspec
def deckinfra_seeds() -> Sequence[Seed]:  # type: ignore[empty-body]
    """Register example data for development. Called by ``setup`` and ``db.seed``, never in production."""


@hookspec
def deckinfra_smoke_queries() -> Sequence[SmokeQuery]:  # type: ignore[empty-body]
    """Register what a restored database is asked. Called by ``db.drill``, and by ``setup`` for its drill."""


@hookspec
def deckinfra_before_setup(project: App) -> None:
    """Called when ``setup`` has completed and checked the configuration, and has changed nothing else yet."""


@hookspec
def deckinfra_after_setup(project: App, result: SetupResult) -> None:
    """Called when ``setup`` has finished well."""


@hookspec
def deckinfra_before_migrate(project: App) -> None:
    """Called when there are revisions to apply or take back, before the database lock is taken."""


@hookspec
def deckinfra_after_migrate(project: App, result: MigrateResult) -> None:
    """Called when every revision was applied or taken back, and the lock is released."""


@hookspec
def deckinfra_before_backup(project: App) -> None:
    """Called before the snapshot is taken."""


@hookspec
def deckinfra_after_backup(project: App, manifest: Manifest) -> None:
    """Called when the manifest is published: the backup exists."""


@hookspec
def deckinfra_before_restore(project: App, manifest: Manifest) -> None:
    """Called when the restored data is verified beside the live database, before the swap."""


@hookspec
def deckinfra_after_restore(project: App, result: RestoreResult) -> None:
    """Called when the restored data is live."""


@hookspec
def deckinfra_on_failure(project: App, phase: str, error: Exception) -> None:
    """Called when a ``phase`` (``restore``, ``import`` ...) ends with ``error``."""
