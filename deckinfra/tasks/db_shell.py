"""The task that opens the database's own shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deckinfra.errors import CommandError, DeckinfraError, UsageError
from deckinfra.tasks.decorator import task

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.tasks.terminal import Terminal

_NOT_RUN: Final = {125, 126, 127}


@task(
    live=True,
    help={"admin": "Work as the account for backups and restores, instead of the application's."},
)
def shell(project: App, terminal: Terminal, admin: bool = False) -> None:
    """Open the database's own shell, where the database runs."""
    from deckinfra.services.shells import database_shell
    from deckinfra.system.attached import run_attached

    if not terminal.is_interactive():
        raise UsageError(
            "db.shell needs a terminal", hint=f"Nothing was run. Run it where you can type.{_way(project)}"
        )
    with database_shell(project, admin=admin) as command:
        code = run_attached(command, project.root, project.environ)
    if code in _NOT_RUN:
        raise CommandError(
            f"the database's shell ended with exit code {code}", hint="Is its client installed where the database is?"
        )


def _way(project: App) -> str:
    """Say how a client is run without a terminal, where the database is in a stack."""
    try:
        stack = project.environment.stack()
        service = "" if stack is None else stack.database
    except DeckinfraError:
        return ""
    name = project.environment_name
    return f" Without a terminal: invoke stack.exec -e {name} --service={service} --command=…" if service else ""


TASKS: Final = (shell,)
