"""Tasks on the schema: migrations and example data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deckinfra.errors import UsageError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, duration, listing

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.services.results import MigrateResult, MigrationStatus, RevisionEntry
    from deckinfra.tasks.terminal import Terminal


def _show_run(result: MigrateResult, terminal: Terminal) -> None:
    if not result.revisions:
        terminal.line(f"Nothing to do; the database is at {listing(result.after, 'no revision')}.")
        return
    verb = "Applied" if result.direction == "up" else "Took back"
    terminal.line(f"{verb} {count(len(result.revisions), 'revision')} in {duration(result.seconds)}:")
    terminal.lines(f"  {revision}" for revision in result.revisions)
    terminal.line(f"The database is at {listing(result.after, 'no revision')}.")


@task(
    show=_show_run,
    help={
        "target": "The revision to go to: an id, 'head' or '+N'.",
        "backup": "Take a backup first, where there is something to apply and the database has data.",
    },
)
def migrate(project: App, target: str = "head", backup: bool = False) -> MigrateResult:
    """Apply the migrations that the database lacks."""
    return project.migrate(target, backup=backup)


def _loss_of_rollback(project: App, target: str) -> str:
    return f"take back migrations of '{project.environment_name}' ({target}), with the data in what they made"


@task(
    show=_show_run,
    destroys=_loss_of_rollback,
    help={"target": "The revision to go back to: an id, '-N' steps (give it as --target=-1), or 'base'."},
)
def rollback(project: App, target: str = "-1") -> MigrateResult:
    """Take the last migration back, or more."""
    return project.rollback(target)


def _show_status(status: MigrationStatus, terminal: Terminal) -> None:
    terminal.line(f"The database is {status.state}.")
    terminal.line(f"  database: {listing(status.current)}")
    terminal.line(f"  code:     {listing(status.heads)}")
    if status.pending:
        terminal.line(f"  pending:  {listing(status.pending)} ('invoke db.migrate' applies them)")


@task(show=_show_status)
def status(project: App) -> MigrationStatus:
    """Compare the database's revision with the code's."""
    return project.migration_status()


def _show_history(entries: Sequence[RevisionEntry], terminal: Terminal) -> None:
    terminal.table(
        ("revision", "after", "applied", "what it does"),
        [
            (entry.revision, listing(entry.parents, ""), "yes" if entry.applied else "no", entry.message)
            for entry in entries
        ],
    )


@task(show=_show_history)
def history(project: App) -> Sequence[RevisionEntry]:
    """List the revisions, oldest first."""
    return project.migration_history()


def _show_revision(made: Mapping[str, Any], terminal: Terminal) -> None:
    terminal.line(f"Wrote {made['path']}. Fill it in, then run 'invoke db.migrate'.")


@task(
    show=_show_revision,
    help={
        "message": "What the revision does, in a few words; it becomes the name of its file.",
        "autogenerate": "Write what brings the database to the models.",
    },
)
def revision(project: App, message: str = "", autogenerate: bool = False) -> Mapping[str, Path]:
    """Write a new revision, to be filled in."""
    if not message.strip():
        raise UsageError("a revision needs a message", hint='Run: invoke db.revision --message="add favourites".')
    return {"path": project.new_revision(message.strip(), autogenerate=autogenerate)}


def _show_seed(added: Mapping[str, int], terminal: Terminal) -> None:
    for name, rows in added.items():
        terminal.line(f"{name}: added {count(rows, 'row')}" if rows else f"{name}: all there already")
    if not added:
        terminal.line("No plugin brings example data.")


@task(show=_show_seed)
def seed(project: App) -> Mapping[str, int]:
    """Add example data for development; refused in production."""
    return project.seed()


TASKS: Final = (migrate, rollback, status, history, revision, seed)
