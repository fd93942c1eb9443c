"""What one project in one environment is made of: where plugins, settings, ports and services meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from deckinfra.core.names import unknown_name
from deckinfra.core.urls import StoreURL
from deckinfra.errors import RefusedError, UnknownNameError, UsageError
from deckinfra.plugins import PluginManager
from deckinfra.settings.project import ProjectConfig

if TYPE_CHECKING:
    from deckinfra.core.manifest import Manifest, Origin
    from deckinfra.core.settings import Settings
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.migrations import Migrator
    from deckinfra.ports import Engine, Environment, Reporter
    from deckinfra.repository import Repository
    from deckinfra.services.memory import StackMemory
    from deckinfra.services.stack import StackControl

Remote = str | bool | None
"""Which repository: None or False is the environment's own, True the first remote, a text the remote of that name, or
the one at that URL."""


class Composition:
    """The parts of :class:`deckinfra.app.App`, each made when it is first asked for."""

    def __init__(
        self,
        config: ProjectConfig,
        plugins: PluginManager,
        environment_name: str,
        environ: Mapping[str, str],
        reporter: Reporter,
    ) -> None:
        self.config = config
        self.root = config.root
        self.plugins = plugins
        self.environment_name = environment_name
        self.environ = environ
        self.reporter = reporter

    @cached_property
    def settings(self) -> Settings:
        """The settings; a :class:`ConfigurationError` if those of the project or of its backups are not valid.

        What is wrong with another group is raised when that is asked for.
        """
        from deckinfra.settings.groups import BackupSettings, ProjectSettings
        from deckinfra.settings.load import load_settings

        self._kind()
        # Not the database's: who looks at a stack or at backups needs no password.
        groups, needed = self.plugins.settings_groups(), (ProjectSettings, BackupSettings)
        return load_settings(self.root, self.environment_name, groups, self.environ, needed)

    @cached_property
    def environment(self) -> Environment:
        """The environment; :class:`UnknownNameError` if there is none of that name."""
        factory = self.plugins.environments.find(self._kind())
        return factory(self.environment_name, self.root, self.settings)

    @property
    def stack(self) -> StackControl:
        """What brings the environment's services up and down; :class:`UsageError` where it has none."""
        from deckinfra.services.stack import StackControl

        stack = self.environment.stack()
        if stack is None:
            raise UsageError(
                f"the environment '{self.environment_name}' has no stack: deckinfra starts and stops nothing there",
                hint="Name one that has, such as one of the kind docker: -e docker.",
            )
        return StackControl(stack, self.reporter, environment=self.environment_name, memory=self.stack_memory)

    @property
    def stack_memory(self) -> StackMemory:
        """What is kept between runs of the environment's stack and of its deployments."""
        from deckinfra.services.memory import StackMemory

        return StackMemory(self.root, self.environment_name)

    @property
    def origin(self) -> Origin:
        """Whose snapshots are meant by ``latest``: this project's, in this environment."""
        from deckinfra.core.manifest import Origin

        return Origin(self.config.name, self.environment_name)

    @cached_property
    def engine(self) -> Engine:
        """The engine of the environment's database; :class:`UnknownNameError` if none knows its dialect."""
        from deckinfra.settings.groups import DatabaseSettings

        url = self.environment.database_url()
        chosen = self.settings.group(DatabaseSettings).database_engine or url.dialect
        return self._open_engine(chosen, url)

    def engine_of(self, manifest: Manifest, database: str | None = None) -> Engine:
        """The engine that restores a snapshot into the environment's database: the one that took it.

        With ``database``, into that one on the same server, or into that file. :class:`RefusedError` where there is no
        engine of that name, or it is for databases of another kind.
        """
        url, name = self.environment.database_url(), manifest.engine
        url = url.with_database(database) if database else url
        if name == self.engine.name and not database:
            return self.engine
        engine = self._open_engine(name, url) if name in self.plugins.engines else None
        if engine is None or url.dialect not in engine.dialects:
            raise RefusedError(
                f"snapshot {manifest.id} is of engine '{name}', and {url} needs one of '{self.engine.name}'",
                hint="Nothing was changed. Restore it into a database of its own kind.",
            )
        return engine

    @contextmanager
    def throwaway_engine_of(self, manifest: Manifest) -> Iterator[tuple[Engine, str]]:
        """Give the engine that took a snapshot, on a server that is there while the context is open, and which that is.

        The live database is not asked for anything. :class:`RefusedError` where the environment can bring no server, or
        none for that snapshot.
        """
        from deckinfra.core.lines import Lines
        from deckinfra.ports import ThrowawayEnvironment

        environment = self.environment
        if not isinstance(environment, ThrowawayEnvironment):
            raise RefusedError(
                f"the environment '{self.environment_name}' (kind {environment.kind}) cannot bring a database "
                "server for a moment",
                hint="Nothing was done. One of the kind docker can, from the machine that its containers run on. "
                "Without --throwaway, a drill restores beside the live database.",
            )
        opened = self.plugins.engines.find(manifest.engine)
        lines = Lines(lambda line: self.reporter.note(line.strip()) if line.strip() else None)
        with environment.throwaway("db.drill", output=lines) as server:
            lines.end()
            url = server.database_url()
            engine = opened(url, self.root, server)
            if url.dialect not in engine.dialects:
                raise RefusedError(
                    f"snapshot {manifest.id} is of engine '{manifest.engine}', which restores into nothing like {url}",
                    hint="Nothing was changed. Restore it into a database of its own kind.",
                )
            yield engine, server.database_label()

    @cached_property
    def migrator(self) -> Migrator:
        """What runs the project's migrations on the environment's database."""
        from deckinfra.migrations import Migrator

        return Migrator(self.config.migrations, self.engine.url)

    def repository_url(self, remote: Remote = None) -> StoreURL:
        """Give where a repository is; :class:`UnknownNameError` for a remote that the settings do not name."""
        from deckinfra.settings.groups import BackupSettings

        settings = self.settings.group(BackupSettings)
        if not remote:
            if settings.backup_repository is None:
                return self.environment.default_repository()
            return StoreURL.parse(settings.backup_repository)
        if isinstance(remote, str) and ":" in remote:
            return StoreURL.parse(remote)
        remotes = settings.backup_remotes
        if not remotes:
            raise UnknownNameError(
                f"the settings of '{self.environment_name}' name no remote",
                hint="Set BACKUP_REMOTES=NAME=URL, as in BACKUP_REMOTES=usb=file:/mnt/usb/backups.",
            )
        name = next(iter(remotes)) if remote is True else remote
        if name not in remotes:
            raise unknown_name("remote", name, remotes)
        return remotes[name]

    def is_chosen(self, remote: Remote = None) -> bool:
        """Whether the settings say where a repository is. Then it may be on a disk that is not mounted just now."""
        from deckinfra.settings.groups import BackupSettings

        return bool(remote) or self.settings.group(BackupSettings).backup_repository is not None

    @contextmanager
    def repository(self, remote: Remote = None, *, create: bool = False) -> Iterator[Repository]:
        """Open a repository while the context is open. With ``create`` it is made where there is none.

        That is said; with a warning where the settings chose the place, which may be a disk that is not mounted.
        """
        from deckinfra.repository import Repository
        from deckinfra.settings.groups import BackupSettings

        url = self.repository_url(remote)
        settings = self.settings.group(BackupSettings)
        store = self.plugins.stores.find(url.scheme)(url, self.root, self.settings)
        try:
            repository = Repository.open(
                store,
                create=create,
                level=settings.backup_compression_level,
                threads=settings.backup_threads,
                reporter=self.reporter,
            )
            if repository.is_new and not remote and self.is_chosen():
                self.reporter.warn(
                    f"made a new backup repository at {repository}, where there was none: if there were backups, its "
                    "disk is not mounted, or the address is not the old one"
                )
            elif repository.is_new:
                self.reporter.note(f"made a new backup repository at {repository}")
            yield repository
        finally:
            store.close()

    def _open_engine(self, name: str, url: DatabaseURL) -> Engine:
        return self.plugins.engines.find(name)(url, self.root, self.environment)

    def _kind(self) -> str:
        from deckinfra.settings.load import environment_kind

        kinds = self.plugins.environments
        return environment_kind(self.root, self.environment_name, self.plugins.settings_groups(), self.environ, kinds)
