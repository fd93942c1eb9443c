"""Tasks on a stack: its images, its services, and what they write."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from deckinfra.core.lines import Lines
from deckinfra.errors import CommandError, UsageError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import listing, moment

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.ports import Service
    from deckinfra.tasks.terminal import Terminal

SERVICE: Final = "The service, by its name in the compose files"

_NOT_RUN: Final = {125, 126, 127}


def _show_services(services: Sequence[Service], terminal: Terminal) -> None:
    terminal.table(
        ("service", "is", "started", "ports", "image"),
        [
            (
                service.name,
                service.described,
                moment(service.started) if service.started else "",
                listing(service.ports, ""),
                service.image,
            )
            for service in services
        ],
    )


def _show_built(services: Sequence[Service], terminal: Terminal) -> None:
    images = dict.fromkeys(service.image for service in services)
    terminal.line(f"The images are built; the stack uses {listing(list(images))}.")


@task(show=_show_built)
def build(project: App) -> Sequence[Service]:
    """Build the images that can be built here.

    What runs goes on with the image that it has.
    """
    stack = project.stack
    project.require_settings()
    stack.build()
    return stack.services()


@task(show=_show_services, help={"build": "Build the images first."})
def up(project: App, build: bool = False) -> Sequence[Service]:
    """Start the stack, and wait until every service is healthy.

    Every setting is checked first. Images that are missing are built or pulled. What runs already, as it is described,
    stays as it is. What would be built and started is refused where it would migrate data without a backup before.
    """
    from deckinfra.services.at_stake import refuse_to_migrate
    from deckinfra.services.locking import alone_with_stack

    stack = project.stack
    project.require_settings()
    with alone_with_stack(project, "stack.up"):
        if build:
            refuse_to_migrate(project)
            stack.build()
        return stack.up()


def _loss_of_down(project: App, volumes: bool) -> str | None:
    if not volumes:
        return None
    from deckinfra.services.taking_down import loss_of_volumes

    return loss_of_volumes(project)


def _show_down(services: Sequence[Service], terminal: Terminal) -> None:
    left = [service.name for service in services if service.state != "absent"]
    terminal.line(f"Still there: {listing(left)}." if left else "The stack is down.")


@task(
    show=_show_down,
    destroys=_loss_of_down,
    help={"volumes": "Delete the stack's volumes, too, the database's data in them; asks first."},
)
def down(project: App, volumes: bool = False) -> Sequence[Service]:
    """Stop the stack and remove its containers; its data stays."""
    from deckinfra.services.locking import alone_with_stack

    with alone_with_stack(project, "stack.down"):
        project.stack.down(volumes=volumes)
    return project.stack.services()


@task(show=_show_services)
def ps(project: App) -> Sequence[Service]:
    """Show the services and how they are."""
    return project.stack.services()


@task(
    live=True,
    help={
        "service": f"{SERVICE}; all without it.",
        "follow": "Go on showing what comes, until Ctrl-C.",
        "tail": "How many of the last lines of each to show.",
    },
)
def logs(project: App, terminal: Terminal, service: str | None = None, follow: bool = False, tail: int = 100) -> None:
    """Show what the services wrote last."""
    if tail < 0:
        raise UsageError("--tail is less than 0", hint="Give how many lines to show, as in --tail=100.")

    def show(line: str) -> None:
        terminal.line(line)
        terminal.flush()

    lines = Lines(show)
    try:
        project.stack.logs([service] if service else [], tail=tail, follow=follow, output=lines)
    except KeyboardInterrupt:
        if not follow:
            raise
    lines.end()


@task(
    name="exec",
    live=True,
    help={
        "service": f"{SERVICE}; must be given.",
        "command": "What to run, with quotes as in a shell; must be given.",
        "timeout": "After how many seconds it is ended.",
    },
)
def execute(project: App, terminal: Terminal, service: str = "", command: str = "", timeout: float = 3600.0) -> None:
    """Run a command in a running service, and show what it writes."""
    words = _words(command)
    if not service or not words:
        raise UsageError(
            "stack.exec needs a service and a command",
            hint="Run: invoke stack.exec --service=backend --command='ls -l /app'.",
        )
    lines = Lines(terminal.line)
    done = project.stack.execute(service, words, timeout=timeout, output=lines)
    lines.end()
    terminal.flush()
    for line in done.stderr.decode(errors="replace").splitlines():
        terminal.say(line)
    if not done.ok:
        raise CommandError(
            f"'{words[0]}' ended with exit code {done.returncode} in the service '{service}'",
            hint="What it wrote is above.",
        )


def _words(command: str) -> Sequence[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"--command cannot be read: {error}", hint="Nothing was run. Quote it as in a shell."
        ) from None


@task(live=True, help={"service": f"{SERVICE}; without it, the one that nothing else waits for."})
def shell(project: App, terminal: Terminal, service: str | None = None) -> None:
    """Open a shell in a running service."""
    from deckinfra.services.shells import stack_shell
    from deckinfra.system.attached import run_attached

    stack = project.stack.stack
    if not terminal.is_interactive():
        raise UsageError("stack.shell needs a terminal", hint="Without one, use 'invoke stack.exec'.")
    code = run_attached(stack_shell(stack, service), project.root, project.environ)
    if code in _NOT_RUN:
        raise CommandError(f"the shell ended with exit code {code}", hint="Is there a shell in that service's image?")


TASKS: Final = (build, up, down, ps, logs, execute, shell)
