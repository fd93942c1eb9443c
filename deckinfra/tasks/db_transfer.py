"""Tasks that bring a database out as SQL, and in from SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deckinfra.tasks.db_backup import REMOTE, SNAPSHOT
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, duration, moment, size

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.composition import Remote
    from deckinfra.core.manifest import Manifest
    from deckinfra.services.results import ExportResult, ImportResult
    from deckinfra.tasks.terminal import Terminal

_OUT: Final = "Where to: a name that ends with .sql, or with .sql.zst for a compressed file."
_IN: Final = "The file: .sql, .sql.zst or .sql.gz."


def _show_export(result: ExportResult, terminal: Terminal) -> None:
    taken = f"snapshot {result.manifest.id} of {moment(result.manifest.time)}"
    terminal.line(f"Wrote {taken} to {result.file}: {size(result.size)} in {duration(result.seconds)}.")
    terminal.line(
        "The database's own client loads it into an empty database; so does 'invoke db.import', in place of one."
    )


def _settle_snapshot(project: App, file: str, snapshot: str, remote: Remote) -> Mapping[str, Any]:
    return {"snapshot": project.find_snapshot(snapshot, remote).id}


def _loss_of_export(project: App, file: str, snapshot: str, remote: Remote) -> str | None:
    from deckinfra.services.script_files import require_writable_name

    path = _path(file)
    require_writable_name(path)
    return f"replace the file {path}" if path.exists() else None


@task(
    show=_show_export,
    settle=_settle_snapshot,
    destroys=_loss_of_export,
    positional=("file",),
    optional=("remote",),
    help={"file": _OUT, "snapshot": SNAPSHOT, "remote": REMOTE},
)
def export(project: App, file: str | None = None, snapshot: str = "latest", remote: Remote = None) -> ExportResult:
    """Write a snapshot as one file of SQL.

    The live database is not asked: what is written is what was stored.
    """
    path = _path(file)
    return project.export(path, snapshot, remote, replace=path.exists())


def _show_import(result: ImportResult, terminal: Terminal) -> None:
    rows = sum(facts.rows or 0 for facts in result.tables)
    terminal.line(
        f"{result.file} is live: {count(len(result.tables), 'table')} with {count(rows, 'row')},"
        f" in {duration(result.seconds)}."
    )
    if result.kept is None:
        terminal.line("There was no database before.")
    elif not result.kept.intact:
        terminal.line(f"What it replaced was no readable database; its file is kept as {result.kept.id}.")
    else:
        terminal.line(f"What it replaced is kept as {result.kept.id}; 'invoke db.undo-restore' puts it back.")


def _loss_of_import(project: App, file: str, without_end: bool) -> str:
    from deckinfra.errors import DeckinfraError
    from deckinfra.services.importing import look_at, missed, without_its_end

    path = _path(file)
    found = look_at(project.engine, path, project.reporter)
    if not found.is_whole and not without_end:
        raise without_its_end(path)
    revisions: Sequence[str] = ()
    live = None
    with suppress(DeckinfraError):  # whatever is wrong with the database, this may be what mends it
        live = project.engine.state()
        revisions = project.migration_status().current
    snapshots: Sequence[Manifest] = ()
    with suppress(DeckinfraError):
        snapshots = [each.manifest for each in project.backups() if each.manifest.origin == project.origin]
    for sentence in missed(found, live, revisions, snapshots):
        project.reporter.warn(sentence)
    return f"replace the database of '{project.environment_name}' by what is in {path} (the old one is kept)"


@task(
    name="import",
    show=_show_import,
    destroys=_loss_of_import,
    positional=("file",),
    help={
        "file": _IN,
        "without-end": "Take a file without the last line that dump tools write: nothing tells then if it was cut off.",
    },
)
def import_(project: App, file: str | None = None, without_end: bool = False) -> ImportResult:
    """Make what is in a file of SQL the live database.

    It is loaded beside the live one first; what it replaces is kept.
    """
    return project.import_script(_path(file), without_end=without_end)


def _path(file: str | None) -> Path:
    return Path(file or "").absolute()


TASKS: Final = (export, import_)
