"""What ran before a deployment, and bringing that back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckinfra.errors import StackError
from deckinfra.services.memory import Deployment, digest
from deckinfra.services.stack import StackControl

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.ports import Reporter, Service, Stack


@dataclass(frozen=True)
class Before:
    """What there was before: of each service the image, by name and id, and the record of all that it was started from.

    Without the record, which there is where the tasks started it, only the images can be brought back. ``runs`` tells
    whether any of it lasts, and goes on where nothing new is started.
    """

    images: Mapping[str, tuple[str, str]]
    record: bytes | None
    runs: bool = False

    @property
    def manner(self) -> str:
        """Say what is brought back."""
        if self.record is not None:
            return "with the settings and the compose files that it was started with"
        return (
            "its images, that is: settings and compose files are the present ones, "
            "since the tasks have no record of those that it was started with"
        )


def find_before(project: App) -> Before:
    """Look at what runs. What has done its work and ended counts as well: its image is part of what there is."""
    stack = project.environment.stack()
    assert stack is not None
    there = [each for each in stack.services() if each.ready]
    ready = {each.name: (each.image, each.image_id) for each in there}
    record = project.stack_memory.record()
    try:
        fits = record is not None and stack.is_as_recorded(record)
    except StackError as error:
        project.reporter.warn(error.message)
        fits = False
    return Before(ready, record if fits else None, any(not each.one_shot for each in there))


def before_of(project: App, deployment: Deployment) -> Before:
    """Give what ran before a deployment that broke off, as that had written it down."""
    record = project.stack_memory.record()
    fits = record is not None and digest(record) == deployment.record
    return Before(deployment.images, record if fits else None)


def bring_back(project: App, before: Before) -> Sequence[Service]:
    """Start what ran before, and wait until it is ready; :class:`StackError` where it is not to be had."""
    stack = project.environment.stack()
    assert stack is not None
    if before.record is None:
        _restore_images(project, before)
        return _start_again(project.stack, project.reporter)
    with stack.recorded(before.record) as old:
        return _start_again(_control(project, old), project.reporter)


def start_database(project: App) -> None:
    """Start the database where it does not run, as it was last started, where that is known.

    The present files may name a newer server, which would change the data for itself before it is backed up. So where
    that is known and not to be had, it is for a person to decide: :class:`StackError`.
    """
    stack = project.environment.stack()
    assert stack is not None
    if not stack.database or any(each.ready for each in stack.services() if each.name == stack.database):
        return
    record = project.stack_memory.record()
    if record is None:
        project.stack.up([stack.database])
        return
    project.reporter.note("the database does not run; it is started as it was last, to look what is in it")
    name = stack.database
    with ExitStack() as open_while:
        try:
            old = open_while.enter_context(stack.recorded(record, [name]))
        except StackError as error:
            raise StackError(
                f"the database does not run, and cannot be started as it was last: {error.message}",
                hint="Nothing was changed. Look whether DATABASE_IMAGE names the server that the data is of; a newer "
                f"one changes the data for itself. Then 'invoke stack.up -e {project.environment_name}' starts it.",
            ) from error
        _control(project, old).up([name])


def start_in_turn(control: StackControl) -> Sequence[Service]:
    """Start what does its work and ends, and when that has gone well, all.

    At once, what waits for that work would be stopped to be made anew before the work has failed.
    """
    _start_one_shots(control)
    return control.up()


def _start_again(control: StackControl, reporter: Reporter) -> Sequence[Service]:
    """Start all that ran before; where what does its work and ends fails now, what lasts is started without it.

    A database that the new version has migrated is refused by what migrates for the old one. Whether the old
    application gets on with it is for that to tell, by its health.
    """
    try:
        _start_one_shots(control)
    except StackError as error:
        reporter.warn(f"what ran before is started without its preparations, since {error.message}")
        lasting = [service.name for service in control.services() if not service.one_shot]
        services = [service for name in lasting for service in control.up([name], alone=True)]
        control.keep()
        return services
    return control.up()


def _control(project: App, stack: Stack) -> StackControl:
    return StackControl(stack, project.reporter, environment=project.environment_name, memory=project.stack_memory)


def _start_one_shots(control: StackControl) -> None:
    one_shots = [service.name for service in control.services() if service.one_shot]
    if one_shots:
        control.up(one_shots)


def _restore_images(project: App, before: Before) -> None:
    """Give the images that ran before their names again, since a stack is described by names.

    Only to the name that each had: under another one, it would be taken for what it is not.
    """
    stack = project.environment.stack()
    assert stack is not None
    now = {service.name: service.image for service in stack.services()}
    renamed = [name for name, (image, _) in before.images.items() if name in now and now[name] != image]
    if renamed:
        raise StackError(
            f"the settings name other images now than those that ran before, for {', '.join(renamed)}",
            hint="Put those settings back, and run 'invoke stack.up'.",
        )
    for image, image_id in dict(before.images.values()).items():
        stack.tag(image_id, image)
