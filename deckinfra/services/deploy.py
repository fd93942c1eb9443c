"""Deploy: bring an environment's stack to this checkout, with a backup first and a way back."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deckinfra.errors import DeckinfraError, RefusedError, StackError
from deckinfra.services.going_back import before_of, bring_back, find_before, start_database, start_in_turn
from deckinfra.services.locking import alone_with_stack
from deckinfra.services.memory import Deployment, digest, now
from deckinfra.services.results import DeployResult
from deckinfra.system.processes import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckinfra.app import App
    from deckinfra.core.manifest import Manifest

_START: Final = "start"
_BACK: Final = "bring the old version back"


def deploy(project: App) -> DeployResult:
    """Check every setting, back up, build, migrate, start, and wait until every service is healthy.

    Raises :class:`ConfigurationError` with everything that is wrong with the settings before anything else is done,
    and what a step raises. Up to the start, whatever fails leaves what runs as it is. If the new
    services do not become healthy, what ran before is brought back: :class:`StackError` says so, or that it
    could not be. Where this process is ended in between, :meth:`StackMemory.broken_off` tells.
    """
    project.require_settings()
    with alone_with_stack(project, "deploy"):
        return _Deploying(project).run()


def go_back(project: App) -> DeployResult:
    """Bring back what ran before a deployment that broke off. The database stays as it is.

    Raises :class:`RefusedError` where none broke off, and :class:`StackError` where it cannot be brought back.
    """
    began = time.monotonic()
    project.stack.check()
    with alone_with_stack(project, "deploy"):
        broken = broken_off(project)
        before = before_of(project, broken)
        noted = replace(broken, owner=Owner.me("deploy --back"), step=_BACK, since=now(), replacing=True)
        project.stack_memory.note(noted)
        project.reporter.step(_BACK)
        project.reporter.note(f"it comes back {before.manner}")
        services = bring_back(project, before)
        project.stack_memory.forget()
    return DeployResult(project.environment_name, None, None, tuple(services), time.monotonic() - began)


def broken_off(project: App) -> Deployment:
    """Give the deployment that broke off, and that there is a way back from; :class:`RefusedError` without one."""
    name, found = project.environment_name, project.stack_memory.broken_off()
    if found is None:
        raise RefusedError(
            f"no deployment of '{name}' broke off, so there is nothing to go back from",
            hint="Nothing was changed. For an older version, check it out and deploy that.",
        )
    if not found.images:
        raise RefusedError(
            f"nothing ran before the deployment of '{name}' that broke off",
            hint=f"Nothing was changed. 'invoke deploy -e {name}' does it again.",
        )
    return found


class _Deploying:
    """One deployment, which writes down each step before it takes it."""

    def __init__(self, project: App) -> None:
        self._project = project
        self._memory = project.stack_memory

    def run(self) -> DeployResult:
        project, began = self._project, time.monotonic()
        stack = project.stack
        stack.check()
        self._broken = self._memory.deployment()
        if self._broken is not None:
            project.reporter.warn(self._broken.told(project.environment_name))
        # What runs after one that broke off may be half new.
        self._before = before_of(project, self._broken) if self._broken else find_before(project)
        record, broken = self._before.record, self._broken
        self._progress = Deployment(
            owner=Owner.me("deploy"),
            step="",
            since="",
            # The backup from before is the one from before the first of those that broke off.
            backup=broken.backup if broken else "",
            images=self._before.images,
            record="" if record is None else digest(record),
            replacing=broken.replacing if broken else False,
        )
        with self._leaving():
            manifest = self._back_up()
            self._step("build")
            stack.build()
            self._step("migrate")
            migrated = project.migrate()
            self._step(_START)
        try:
            services = start_in_turn(stack)
        except DeckinfraError as error:
            raise self._brought_back(error) from error
        # Also where what was started could not be recorded.
        self._memory.forget()
        return DeployResult(project.environment_name, manifest, migrated, tuple(services), time.monotonic() - began)

    def _step(self, name: str) -> None:
        replacing = self._progress.replacing or name in {_START, _BACK}
        self._progress = replace(self._progress, step=name, since=now(), replacing=replacing)
        self._memory.note(self._progress)
        self._project.reporter.step(name)

    def _back_up(self) -> Manifest | None:
        """Back up the database that there is. Its service is started for that: one that was stopped may have data."""
        project = self._project
        self._step("backup")
        start_database(project)
        if not project.engine.state().tables:
            project.reporter.note("there is no data yet that could be backed up")
            return None
        manifest = project.backup()
        project.reporter.note(f"the backup from before is {manifest.id}")
        self._progress = replace(self._progress, backup=self._progress.backup or manifest.id)
        return manifest

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Add to an error that what runs was left alone; with that said, there is nothing to keep in mind."""
        try:
            yield
        except DeckinfraError as error:
            if self._broken is not None:
                self._memory.note(self._broken)
                name = self._project.environment_name
                error.hint = f"{error.hint} 'invoke deploy -e {name} --back' brings back what ran before.".lstrip()
                raise
            self._memory.forget()
            runs = " The services that ran before go on running, as they were." if self._before.runs else ""
            error.hint = f"{error.hint}{runs}{self._data}".lstrip()
            raise

    @property
    def _data(self) -> str:
        return f" The backup from before is {self._progress.backup}." if self._progress.backup else ""

    def _brought_back(self, error: DeckinfraError) -> StackError:
        """Bring back what ran before, and give the error that says how that went."""
        name, before = self._project.environment_name, self._before
        data = self._data
        if not before.images:
            self._memory.forget()
            return StackError(
                f"the stack of '{name}' did not start: {error.message}",
                hint=f"Nothing ran before, so there is nothing to go back to. {error.hint}".rstrip() + data,
            )
        self._project.reporter.warn(f"the new version did not start: {error.message}")
        try:
            self._step(_BACK)
            bring_back(self._project, before)
            self._memory.forget()
        except DeckinfraError as second:
            return StackError(
                f"the new version of '{name}' did not start, and the old one could not be brought back: "
                f"{second.message}",
                hint="The data is in its volumes. What services mount from the checkout is the new version still, "
                "such as source for development: where that is why, put it back and run "
                f"'invoke stack.up -e {name}'. Where the old version does not get on with a migration that was "
                f"applied, take that back by 'invoke db.rollback -e {name}' first. Else 'invoke stack.logs -e {name}' "
                f"says more, and 'invoke deploy -e {name} --back' tries again.{data}",
            )
        return StackError(
            f"the new version of '{name}' did not start, and the old one runs again, {before.manner}: {error.message}",
            hint=f"Mend it and deploy again. Migrations that were applied stay applied; 'invoke db.rollback -e {name}' "
            f"takes them back, while their files are in this checkout.{data}",
        )
