"""Tasks that put a snapshot, or what a restore replaced, in the place of the live database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from deckinfra.errors import UsageError
from deckinfra.tasks.db_backup import REMOTE, SNAPSHOT, tables_of
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, duration, moment, size

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.composition import Remote
    from deckinfra.core.proof import Listed
    from deckinfra.ports import Kept
    from deckinfra.services.results import RestoreResult, UndoResult
    from deckinfra.tasks.terminal import Terminal


def _show_restore(result: RestoreResult, terminal: Terminal) -> None:
    where = "is live" if result.into is None else f"is in {result.into}; the live database is as it was"
    terminal.line(f"Snapshot {result.manifest.id} of {moment(result.manifest.time)} {where}.")
    terminal.line(f"  {count(len(result.compared), 'part')} compared with the snapshot, in {duration(result.seconds)}")
    if result.into is not None:
        return
    if result.kept is None:
        terminal.line("There was no database before.")
    elif not result.kept.intact:
        terminal.line(f"What it replaced was no readable database; its file is kept as {result.kept.id}.")
    else:
        terminal.line(f"What it replaced is kept as {result.kept.id}; 'invoke db.undo-restore' puts it back.")


def _settle_snapshot(project: App, snapshot: str, remote: Remote, from_: str | None, **_: str | None) -> dict[str, Any]:
    return {"snapshot": project.find_snapshot(snapshot, _place(remote, from_)).id}


def _place(remote: Remote, from_: str | None) -> Remote:
    """Give the repository that is meant."""
    if from_ is None:
        return remote
    if remote:
        raise UsageError(
            "both --remote and --from are given", hint="Each says which repository is meant: leave one out."
        )
    if ":" not in from_:
        raise UsageError(
            f"--from is '{from_}', which is no URL of a repository",
            hint="Write SCHEME:LOCATION, as in file:/mnt/usb/backups; --remote takes a remote's name.",
        )
    return from_


def _loss_of_restore(
    project: App, snapshot: str, remote: Remote, *, from_: str | None, tables: str | None, into: str | None, **_: bool
) -> str | None:
    from deckinfra.errors import DeckinfraError
    from deckinfra.services.contents import doubts, lacks, left_out

    place = _place(remote, from_)
    manifest = project.find_snapshot(snapshot, place)
    chosen = f"snapshot {manifest.id} of {manifest.origin}, taken {moment(manifest.time)} on {manifest.host}"
    listed: Sequence[Listed] = ()
    with suppress(DeckinfraError):
        listed = project.backups(place)
    warnings = [sentence for entry in listed if entry.manifest.id == manifest.id for sentence in doubts(entry)]
    if into is None and tables is None:
        revisions: Sequence[str] = ()
        live = None
        with suppress(DeckinfraError):  # whatever is wrong with the database, a restore may be what mends it
            live = project.engine.state()
            revisions = project.migration_status().current
        others = [entry.manifest for entry in listed]
        warnings += [*left_out(manifest), *lacks(manifest, live, revisions, others)]
    for sentence in warnings:
        project.reporter.warn(sentence)
    if into is not None:
        return None
    if tables is not None:
        names = ", ".join(sorted(tables_of(tables).only))
        return f"replace the tables {names} of '{project.environment_name}' by those of {chosen} (the old are kept)"
    return f"replace the database of '{project.environment_name}' by {chosen} (the old one is kept)"


@task(
    show=_show_restore,
    settle=_settle_snapshot,
    destroys=_loss_of_restore,
    optional=("remote",),
    help={
        "snapshot": SNAPSHOT,
        "remote": REMOTE,
        "from": "The URL of the repository, where it is none that the settings name: file:/mnt/usb/backups.",
        "tables": "Only these tables, parted by commas; all others stay as they are.",
        "accounts": "Make the snapshot's accounts that are not there, and give them all their rights on the database.",
        "into": "Make a new database of this name beside the live one (SQLite: this file) instead of replacing it.",
    },
)
def restore(
    project: App,
    snapshot: str = "latest",
    remote: Remote = None,
    *,
    from_: str | None = None,
    tables: str | None = None,
    into: str | None = None,
    accounts: bool = False,
) -> RestoreResult:
    """Make a snapshot the live database.

    It is loaded beside the live one and verified first; what it replaces is kept.
    """
    chosen = None if tables is None else tables_of(tables)
    return project.restore(snapshot, _place(remote, from_), tables=chosen, into=into, accounts=accounts)


def _show_undo(result: UndoResult, terminal: Terminal) -> None:
    put_back = f"{result.restored.id} of {moment(result.restored.time)} ({result.restored.reason})"
    terminal.line(f"The state kept as {put_back} is live again.")
    if result.kept is not None:
        terminal.line(f"What it replaced is kept as {result.kept.id} ({result.kept.reason}).")


def _loss_of_undo(project: App) -> str:
    state = next((f"the state kept at {moment(kept.time)}" for kept in project.kept()), "what a restore replaced")
    return f"replace the database of '{project.environment_name}' by {state} (the present one is kept)"


@task(name="undo-restore", show=_show_undo, destroys=_loss_of_undo)
def undo_restore(project: App) -> UndoResult:
    """Put back what the last restore replaced."""
    return project.undo_restore()


def _show_kept(states: Sequence[Kept], terminal: Terminal) -> None:
    if not states:
        terminal.line("No restore has replaced anything that is kept.")
        return
    rows = [(kept.id, moment(kept.time), size(kept.size), "" if kept.intact else "no", kept.reason) for kept in states]
    terminal.table(("kept", "replaced", "size", "readable", "why"), rows)


def _loss_of_discard(project: App, discard: str | None) -> str | None:
    if discard is None:
        return None
    return f"delete what restores of '{project.environment_name}' replaced and kept ({discard})"


@task(
    show=_show_kept,
    destroys=_loss_of_discard,
    help={"discard": "Delete a kept state for good: its id, or 'all'."},
)
def kept(project: App, discard: str | None = None) -> Sequence[Kept]:
    """List what restores replaced and kept."""
    if discard is not None:
        for identity in [state.id for state in project.kept()] if discard == "all" else [discard]:
            project.discard_kept(identity)
    return project.kept()


TASKS: Final = (restore, undo_restore, kept)
