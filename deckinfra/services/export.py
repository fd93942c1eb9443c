"""Export: a stored snapshot as one file of SQL that the database's own client loads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import deckinfra
from deckinfra.core.manifest import Manifest, format_time
from deckinfra.errors import RefusedError
from deckinfra.ports import Engine, Reporter, WritesScripts
from deckinfra.repository import Repository
from deckinfra.services.contents import listed_tables
from deckinfra.services.restore import Counted
from deckinfra.services.results import ExportResult
from deckinfra.services.script_files import require_writable_name, write_script

END = "-- Dump completed"
"""How the last line of a script begins, as it does in what the servers' own tools write."""


def export(
    engine: Engine, repository: Repository, manifest: Manifest, path: Path, reporter: Reporter, *, replace: bool
) -> ExportResult:
    """Write a snapshot as SQL to ``path``, which appears when it is whole.

    :class:`UsageError` if no script can be called so, :class:`RefusedError` if the engine writes none, or a file is
    there and not to be replaced.
    """
    began = time.monotonic()
    require_writable_name(path)
    if not isinstance(engine, WritesScripts):
        raise RefusedError(
            f"the engine '{engine.name}', of snapshot {manifest.id}, writes no SQL",
            hint="Nothing was written. 'invoke db.restore' puts the snapshot back.",
        )
    if without := manifest.details.get("without_rows"):
        reporter.warn(f"snapshot {manifest.id} has no rows of {listed_tables(without)}: in the file they are empty")
    with repository.reading("db.export"), reporter.progress("export", manifest.size) as progress:
        body = engine.script(Counted(repository, manifest, progress.advance))
        size = write_script(path, _framed(manifest, body), replace=replace)
    return ExportResult(manifest, path, size, time.monotonic() - began)


def _framed(manifest: Manifest, body: Iterator[bytes]) -> Iterator[bytes]:
    """Give a script with what it is before it, and with its end, so that one that was cut off can be told."""
    taken = f"snapshot {manifest.id} of {manifest.database}, taken {format_time(manifest.time)}"
    yield f"-- deckinfra {deckinfra.__version__}, {manifest.engine}: {_line(taken)}\n".encode()
    yield b"-- For an empty database: it is loaded by the database's own client, or by 'invoke db.import'.\n\n"
    yield from body
    yield f"\n{END}: snapshot {manifest.id}\n".encode()


def _line(text: str) -> str:
    return " ".join(text.split())
