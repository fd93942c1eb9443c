"""One project, opened, with everything that can be done to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deckinfra.composition import Composition, Remote
from deckinfra.core.silent import SilentReporter
from deckinfra.errors import ConfigurationError, RefusedError, UsageError
from deckinfra.plugins import PluginManager
from deckinfra.settings.project import read_project

if TYPE_CHECKING:
    from deckinfra.core.manifest import Manifest
    from deckinfra.core.retention import Policy
    from deckinfra.core.settings import Problem
    from deckinfra.ports import Engine, Kept, Reporter, Tables
    from deckinfra.services.results import (
        DeployResult,
        DrillResult,
        ExportResult,
        Finding,
        ImportResult,
        Listed,
        MigrateResult,
        MigrationStatus,
        PruneResult,
        RestoreResult,
        RevisionEntry,
        SetupResult,
        StatusResult,
        UndoResult,
        VerifyResult,
    )
    from deckinfra.settings.initialise import Change

_MIB = 1024 * 1024

LOCK_TIMEOUT = 60.0
"""Seconds that a verb waits for another one on the same database or repository."""


def open_project(
    root: str | Path = ".",
    environment: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    reporter: Reporter | None = None,
) -> App:
    """Open the project in the folder ``root``, in one environment.

    The default is what ``DECKINFRA_ENVIRONMENT`` says, else the project's default one.
    ``environ`` stands for the process environment. Nothing is read but ``setup.cfg`` and the plugins
    until it is needed. Raises :class:`ConfigurationError` for a folder or ``setup.cfg`` that is unusable, and
    :class:`PluginError` where a required plugin does not load.
    """
    folder = Path(root).absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", hint="Give the project's folder.")
    values = dict(os.environ if environ is None else environ)
    config = read_project(folder, values)
    plugins = PluginManager.load(folder, values, config.require_plugins)
    return App(config, plugins, environment or config.default_environment, values, reporter or SilentReporter())


class App(Composition):
    """One project in one environment. Made by :func:`open_project`; every verb of the tasks is a method."""

    # Its other environments ----------------------------------------------------------------------

    def others(self) -> Iterator[App]:
        """Give this project in each of its other environments."""
        from deckinfra.settings.load import environment_names

        for name in environment_names(self.root, tuple(self.plugins.environments)):
            if name != self.environment_name:
                yield self._opened(name)

    def adjusted(self, values: Mapping[str, str | None]) -> App:
        """Give this project in this environment, with other settings, name → text, in place of those configured.

        None leaves a setting as it is. What is not valid is raised when it is asked for, as of the process environment.
        """
        given = {name: text for name, text in values.items() if text is not None}
        return App(self.config, self.plugins, self.environment_name, {**self.environ, **given}, self.reporter)

    # Configuration -------------------------------------------------------------------------------

    def check_settings(self) -> Sequence[Problem]:
        """Give everything that is wrong with the environment's configuration."""
        from deckinfra.core.settings import Problem
        from deckinfra.services.told_by_stack import told_by_stack
        from deckinfra.settings.check import check_settings

        kind, kinds = self._kind(), self.plugins.environments
        problems = check_settings(self.root, self.environment_name, self.plugins.settings_groups(), self.environ)
        if kind in kinds:
            # Opened anew, as the settings are read anew.
            return told_by_stack(self._opened(self.environment_name), problems)
        known = f"There is {', '.join(sorted(kinds))}; another needs a plugin."
        return [*problems, Problem("DECKINFRA_KIND", f"is '{kind}', and no plugin brings that kind", known)]

    def require_settings(self) -> None:
        """Raise :class:`ConfigurationError` with everything that is wrong with the environment's configuration."""
        from deckinfra.core.settings import unusable

        problems = self.check_settings()
        if problems:
            raise unusable(self.environment_name, problems)

    def init_settings(self) -> Sequence[Change]:
        """Write what the configuration lacks and can be made; what a person set stays as it is.

        A secret of a database that there is already is not made anew: :class:`RefusedError`. That of a database
        elsewhere is left missing, and a warning says where to put it.
        """
        from deckinfra.services.elsewhere import left_to_people
        from deckinfra.settings.initialise import initialise

        self.plugins.environments.find(self._kind())
        self.forget_settings()
        try:
            return initialise(
                self.root,
                self.environment_name,
                self.plugins.settings_groups(),
                self.environ,
                before_secrets=lambda names: left_to_people(self, names),
            )
        finally:
            self.forget_settings()

    def forget_settings(self) -> None:
        """Read the settings anew when they are needed next, and make anew what was made from them.

        That is for whoever changed them, or where the database is reached: by starting a stack.
        """
        for known in ("settings", "environment", "engine", "migrator"):
            self.__dict__.pop(known, None)

    def setup(self) -> SetupResult:
        """Take the project from a checkout to a proven backup; what is done already stays as it is."""
        from deckinfra.services.setup import setup

        with self._phase("setup"):
            return setup(self)

    def doctor(self) -> tuple[Finding, ...]:
        """Look at this machine and this project, and say what is wrong and how to mend it."""
        from deckinfra.services.doctor import doctor

        return doctor(self)

    def status(self) -> StatusResult:
        """Look at the environment at a glance; what cannot be looked at is among the result's problems."""
        from deckinfra.services.status import status

        return status(self)

    def deploy(self, *, back: bool = False) -> DeployResult:
        """Back up, build, migrate and start this version; :class:`StackError` says how a failed start ended.

        With ``back``, bring back what ran before a deployment that broke off; :class:`RefusedError` where none did.
        """
        from deckinfra.services.deploy import deploy, go_back

        with self._phase("deploy"):
            return go_back(self) if back else deploy(self)

    # Migrations ----------------------------------------------------------------------------------

    def migrate(self, target: str = "head", *, backup: bool = False) -> MigrateResult:
        """Apply revisions up to ``target``, one run at a time; with ``backup``, data is backed up before."""
        return self._migrate(target, "up", backup=backup)

    def rollback(self, target: str = "-1") -> MigrateResult:
        """Take revisions back to ``target``: a revision, ``base``, or ``-N`` steps."""
        return self._migrate(target, "down")

    def migration_status(self) -> MigrationStatus:
        """Compare the database's revisions with the project's."""
        return self.migrator.status()

    def migration_history(self) -> tuple[RevisionEntry, ...]:
        """Give the project's revisions, oldest first, each with whether the database has it."""
        return self.migrator.history()

    def new_revision(self, message: str, *, autogenerate: bool = False) -> Path:
        """Write a new, empty revision (or one that brings the database to the models) and give its file."""
        return self.migrator.new_revision(message, autogenerate=autogenerate)

    def seed(self) -> Mapping[str, int]:
        """Add the plugins' example data; gives how many rows each seed added. Refused in production."""
        from deckinfra.core.settings import Stage
        from deckinfra.services.locking import locked

        if self.settings.stage is Stage.PRODUCTION:
            raise RefusedError(
                f"example data does not belong into production (environment '{self.environment_name}')",
                hint="Nothing was changed. Seeds are for environments of stage development or test.",
            )
        with locked(self.engine, "db.seed", self.reporter, timeout=LOCK_TIMEOUT):
            return self.migrator.seed(self.plugins.seeds())

    def init_sql(self) -> Mapping[str, str]:
        """Give SQL files, name → text, that make an empty server's database what the migrations and seeds make it."""
        from deckinfra.migrations.init_sql import init_files

        return init_files(self.config.migrations, self.plugins.seeds())

    # Backup and restore --------------------------------------------------------------------------

    def backup(self, remote: Remote = None, *, init: bool = False, tables: Tables | None = None) -> Manifest:
        """Take a backup. When this returns, its manifest and everything that it names are stored.

        With ``tables``, only the rows of these are in it; all else is, and a restore leaves the others as they are.

        The environment's default repository is made where there is none. One whose place somebody chose, a remote or
        ``BACKUP_REPOSITORY``, is made only with ``init``, else :class:`RepositoryError`: a disk that is not mounted
        looks like a new one.
        """
        from deckinfra.ports import ALL_TABLES
        from deckinfra.services.backup import backup
        from deckinfra.services.selecting import with_accounts
        from deckinfra.settings.groups import BackupSettings

        with self._phase("backup"):
            settings = self.settings.group(BackupSettings)
            engine = with_accounts(self.engine, self.reporter) if settings.backup_accounts else self.engine
            engine.state()
            self.plugins.before("backup", project=self)
            with self.repository(remote, create=init or not self.is_chosen(remote)) as repository:
                manifest = backup(
                    engine,
                    repository,
                    self.origin,
                    self.environment.database_label(),
                    self.reporter,
                    tables=tables or ALL_TABLES,
                    rate_limit=settings.backup_rate_limit * _MIB,
                )
            self.plugins.after("backup", project=self, manifest=manifest)
            return manifest

    def backups(self, remote: Remote = None) -> tuple[Listed, ...]:
        """Give the snapshots in a repository, newest first, each with its newest proof."""
        with self.repository(remote) as repository:
            return repository.listed()

    def find_snapshot(self, snapshot: str = "latest", remote: Remote = None) -> Manifest:
        """Give the manifest of a snapshot, by its id, its beginning, or ``latest`` of this project and environment."""
        with self.repository(remote) as repository:
            return repository.snapshots.find(snapshot, self.origin)

    def verify(
        self, snapshot: str | None = None, remote: Remote = None, *, sample: float | None = None
    ) -> VerifyResult:
        """Read everything that is stored (or all of one snapshot) and compare it with its checksums.

        With ``sample``, so many of a hundred objects of each snapshot, chosen at random: it proves nothing of the rest.
        The result names every problem; it is for the caller to judge. A proof is kept for each snapshot.
        """
        from deckinfra.services.verify import verify

        with self.repository(remote) as repository:
            return verify(repository, snapshot, origin=self.origin, sample=sample)

    def drill(self, snapshot: str = "latest", remote: Remote = None, *, throwaway: bool = False) -> DrillResult:
        """Really restore a snapshot beside the live database, compare, and ask the smoke queries.

        With ``throwaway``, on a server that is there for that alone: the live one is not needed. The proof is kept, the
        data is not. :class:`DamagedError` where the snapshot is not whole, and :class:`ChecksFailedError` where it is,
        and a smoke query failed.
        """
        from deckinfra.services.drill import BESIDE, drill
        from deckinfra.services.smoke import queries_for

        with self.repository(remote) as repository:
            manifest = repository.snapshots.find(snapshot, self.origin)
            queries = queries_for(self, manifest)
            with ExitStack() as stack:
                where = BESIDE
                if throwaway:
                    self.reporter.step("throwaway server")
                    engine, server = stack.enter_context(self.throwaway_engine_of(manifest))
                    where = f"on a throwaway server of {server}"
                else:
                    engine = self.engine_of(manifest)
                return drill(
                    engine,
                    repository,
                    manifest.id,
                    self.origin,
                    self.reporter,
                    timeout=LOCK_TIMEOUT,
                    queries=queries,
                    where=where,
                )

    def restore(
        self,
        snapshot: str = "latest",
        remote: Remote = None,
        *,
        tables: Tables | None = None,
        into: str | None = None,
        accounts: bool = False,
    ) -> RestoreResult:
        """Make a snapshot the live database, once it is loaded beside it and verified; the old state is kept.

        With ``tables``, only these are replaced. With ``into``, a new database of that name on the same server (or a
        new file) is made of it, and the live one stays as it is; plugins are not called then. With ``accounts``, those
        of the snapshot that are not there are made, and all of them have their rights on the database again.
        """
        from deckinfra.ports import ALL_TABLES
        from deckinfra.services.restore import restore, restore_into
        from deckinfra.services.selecting import with_accounts

        if accounts and tables is not None:
            raise UsageError(
                "some tables alone are to be restored, and accounts, too",
                hint="Nothing was changed. Leave --tables or --accounts out.",
            )

        def engine_of(manifest: Manifest) -> Engine:
            engine = self.engine_of(manifest, into)
            return with_accounts(engine, self.reporter) if accounts else engine

        if into is not None:
            with self.repository(remote) as repository:
                manifest = repository.snapshots.find(snapshot, self.origin)
                engine = engine_of(manifest)
                return restore_into(
                    engine, repository, manifest, self.reporter, timeout=LOCK_TIMEOUT, tables=tables or ALL_TABLES
                )
        with self._phase("restore"):
            with self.repository(remote) as repository:
                manifest = repository.snapshots.find(snapshot, self.origin)
                result = restore(
                    engine_of(manifest),
                    repository,
                    manifest.id,
                    self.origin,
                    self.reporter,
                    timeout=LOCK_TIMEOUT,
                    before_swap=lambda manifest: self.plugins.before("restore", project=self, manifest=manifest),
                    tables=tables or ALL_TABLES,
                )
            self.plugins.after("restore", project=self, result=result)
            return result

    def undo_restore(self) -> UndoResult:
        """Put back the state that the last restore replaced, and keep the present one instead."""
        from deckinfra.services.restore import undo_restore

        return undo_restore(self.engine, self.reporter, timeout=LOCK_TIMEOUT)

    def export(
        self, file: Path, snapshot: str = "latest", remote: Remote = None, *, replace: bool = False
    ) -> ExportResult:
        """Write a stored snapshot as SQL that the database's own client loads; see :mod:`deckinfra.services.export`.

        The name ends with ``.sql`` or ``.sql.zst``. A file that is there is replaced only if told so.
        """
        from deckinfra.services.export import export

        with self.repository(remote) as repository:
            manifest = repository.snapshots.find(snapshot, self.origin)
            return export(self.engine_of(manifest), repository, manifest, file, self.reporter, replace=replace)

    def import_script(self, file: Path, *, without_end: bool = False) -> ImportResult:
        """Make what is in a file of SQL the live database, once it is loaded beside it; the old state is kept.

        The file may be one of :meth:`export`, or of the database's own dump tool. One whose last line is none that
        dump tools end with is a :class:`DamagedError`, unless told to take it ``without_end``.
        """
        from deckinfra.services.importing import import_script

        with self._phase("import"):
            return import_script(self.engine, file, self.reporter, timeout=LOCK_TIMEOUT, without_end=without_end)

    def kept(self) -> Sequence[Kept]:
        """Give the states that restores replaced and kept, newest first."""
        return self.engine.kept()

    def discard_kept(self, identity: str) -> Kept:
        """Delete one kept state for good; :class:`UnknownNameError` if there is none of that id."""
        from deckinfra.services.restore import discard_kept

        return discard_kept(self.engine, identity, timeout=LOCK_TIMEOUT)

    def prune(self, *, dry_run: bool = False, remote: Remote = None, policy: Policy | None = None) -> PruneResult:
        """Delete the snapshots that the retention policy (default: the settings') does not keep."""
        from deckinfra.services.prune import prune
        from deckinfra.settings.groups import BackupSettings

        chosen = policy or self.settings.group(BackupSettings).policy()
        with self.repository(remote) as repository:
            return prune(repository, chosen, dry_run=dry_run)

    # ---------------------------------------------------------------------------------------------

    def _opened(self, environment: str) -> App:
        return App(self.config, self.plugins, environment, self.environ, self.reporter)

    def _migrate(self, target: str, direction: str, *, backup: bool = False) -> MigrateResult:
        from deckinfra.services.migrate import migrate

        with self._phase("migrate"):
            result = migrate(
                self.engine,
                self.migrator,
                target,
                direction,
                self.reporter,
                timeout=LOCK_TIMEOUT,
                before=lambda: self.plugins.before("migrate", project=self),
                backup=self.backup if backup else None,
            )
            if result.revisions:
                self.plugins.after("migrate", project=self, result=result)
            return result

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.plugins.failed(self, name, error, self.reporter.warn)
            raise
