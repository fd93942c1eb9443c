"""Deploy: bring an environment's stack to this checkout, with a backup first and a way back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deckinfra.core.settings import unusable
from deckinfra.errors import ConfigurationError, DeckinfraError, StackError
from deckinfra.services.results import DeployResult
from deckinfra.system.locks import file_lock
from deckinfra.system.processes import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckinfra.app import App
    from deckinfra.core.manifest import Manifest
    from deckinfra.ports import Service


def deploy(project: App) -> DeployResult:
    """Check every setting, back up, build, migrate, start, and wait until every service is healthy.

    Raises :class:`ConfigurationError` with everything that is wrong with the settings before anything else is done,
    and what a step raises. Up to the start, whatever fails leaves what runs as it is. If the new
    services do not become healthy, those that ran before are brought back: :class:`StackError` says so, or that they
    could not be.
    """
    problems = project.check_settings()
    if problems:
        raise unusable(project.environment_name, problems)
    with _alone(project):
        return _deploy(project)


def _deploy(project: App) -> DeployResult:
    began = time.monotonic()
    reporter, stack = project.reporter, project.stack
    stack.check()
    # What has done its work and ended counts as well: its image is part of what there is to go back to.
    before = {service.name: service for service in stack.services() if service.ready}
    with _leaving(before):
        manifest = _back_up(project, before)
        reporter.step("build")
        stack.build()
        reporter.step("migrate")
        migrated = project.migrate()
    reporter.step("start")
    try:
        services = stack.up()
    except StackError as error:
        raise _brought_back(project, before, manifest, error) from error
    return DeployResult(project.environment_name, manifest, migrated, tuple(services), time.monotonic() - began)


def _back_up(project: App, running: Mapping[str, Service]) -> Manifest | None:
    """Back up the database that there is. Its service is started for that: one that was stopped may have data."""
    stack = project.environment.stack()
    assert stack is not None
    if stack.database and stack.database not in running:
        project.stack.up([stack.database])
    if not project.engine.state().tables:
        project.reporter.note("there is no data yet that could be backed up")
        return None
    project.reporter.step("backup")
    return project.backup()


@contextmanager
def _alone(project: App) -> Iterator[None]:
    """Keep other deployments of this environment from here out, at once: two at a time undo each other's work."""
    folder = project.root / "var"
    try:
        folder.mkdir(exist_ok=True)
        lock = file_lock(
            folder / f"deploy-{project.environment_name}.lock",
            Owner.me("deploy"),
            timeout=0,
            what=f"the deployment of '{project.environment_name}'",
        )
        with lock:
            yield
    except OSError as error:
        raise ConfigurationError(
            f"the lock of the deployment cannot be made in {folder}: {error.strerror}",
            hint="Nothing was done. Make the folder writable for you.",
        ) from error


@contextmanager
def _leaving(running: Mapping[str, Service]) -> Iterator[None]:
    """Add to an error that what runs was left alone."""
    try:
        yield
    except DeckinfraError as error:
        if running:
            error.hint = f"{error.hint} The services that ran before go on running, as they were.".lstrip()
        raise


def _brought_back(
    project: App, before: Mapping[str, Service], backup: Manifest | None, error: StackError
) -> StackError:
    """Bring the services back that ran before, and give the error that says how that went."""
    name = project.environment_name
    data = f" The backup from before is {backup.id}." if backup else ""
    if not before:
        return StackError(
            f"the stack of '{name}' did not start: {error.message}",
            hint=f"Nothing ran before, so there is nothing to go back to. {error.hint}".rstrip(),
        )
    project.reporter.warn(f"the new version did not start: {error.message}")
    project.reporter.step("bring the old version back")
    try:
        _restore_images(project, list(before.values()))
        project.stack.up()
    except DeckinfraError as second:
        return StackError(
            f"the new version of '{name}' did not start, and the old one could not be brought back: {second.message}",
            hint=f"Look at 'invoke stack.logs -e {name}' and 'invoke stack.ps -e {name}'; "
            f"the data is in its volumes.{data}",
        )
    return StackError(
        f"the new version of '{name}' did not start, and the old one runs again: {error.message}",
        hint=f"Mend it and deploy again. Migrations that were applied stay applied.{data}",
    )


def _restore_images(project: App, before: Sequence[Service]) -> None:
    """Give the images that ran before their names again, since a stack is described by names.

    Only to the name that each had: under another one, it would be taken for what it is not.
    """
    stack = project.environment.stack()
    assert stack is not None
    now = {service.name: service for service in stack.services()}
    renamed = [each.name for each in before if each.name in now and now[each.name].image != each.image]
    if renamed:
        raise StackError(
            f"the settings name other images now than those that ran before, for {', '.join(renamed)}",
            hint="Put those settings back, and run 'invoke stack.up'.",
        )
    for image, image_id in {service.image: service.image_id for service in before}.items():
        stack.tag(image_id, image)
