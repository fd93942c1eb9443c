"""Import: a file of SQL loaded beside the live database, looked at, and swapped in as a restored snapshot is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deckinfra.core.manifest import Manifest, format_time
from deckinfra.errors import DamagedError, RefusedError
from deckinfra.ports import VERSION_TABLE, DatabaseState, Engine, Reporter, TakesScripts
from deckinfra.services.contents import listed_tables, rows_of
from deckinfra.services.locking import locked
from deckinfra.services.results import ImportResult
from deckinfra.services.script_files import read_script, require_readable_name

_NAME: Final = rb"(`(?:[^`\n]|``)+`|\"(?:[^\"\n]|\"\")+\"|[\w$\x80-\xff]+)"
_BEGINNINGS: Final = re.compile(
    rb"\n(CREATE TABLE|INSERT|REPLACE)(?: IF NOT EXISTS| IGNORE)? (?:INTO )?" + _NAME, re.IGNORECASE
)
_OVERLAP: Final = 1024
_TAIL: Final = 4096


@dataclass(frozen=True)
class ScriptFile:
    """What a look at a file of SQL tells: the tables that it makes, and those that it has rows of.

    ``is_whole`` is whether its last line is one that dump tools end with.
    """

    tables: frozenset[str]
    filled: frozenset[str]
    is_whole: bool


def look_at(engine: Engine, path: Path, reporter: Reporter) -> ScriptFile:
    """Read a file through; :class:`DamagedError` if what is compressed is not whole.

    Its text is not taken apart, only the beginnings of lines are looked at. :class:`UsageError` if there is no such
    file, :class:`RefusedError` if the engine takes no SQL.
    """
    require_readable_name(path)
    ends, made, filled = _taking(engine).script_ends, set[str](), set[str]()
    tail, before = b"", b"\n"
    with reporter.progress("look", path.stat().st_size) as progress:
        for piece in read_script(path, progress.advance):
            text = before + piece
            for found in _BEGINNINGS.finditer(text):
                (made if found[1].upper() == b"CREATE TABLE" else filled).add(_unquoted(found[2]))
            before = text[-_OVERLAP:]
            tail = (tail + piece)[-_TAIL:]
    return ScriptFile(frozenset(made), frozenset(filled), _is_end(tail, ends))


def import_script(
    engine: Engine, path: Path, reporter: Reporter, *, timeout: float, without_end: bool = False
) -> ImportResult:
    """Make what a file of SQL holds the live database, and keep what it replaces.

    ``without_end`` takes one whose last line is none that dump tools end with: nothing tells then whether it is whole.
    Whatever is raised, the live database was not touched.
    """
    began = time.monotonic()
    require_readable_name(path)
    taking = _taking(engine)
    with locked(engine, "db.import", reporter, timeout=timeout), engine.shadow("db.import") as shadow:
        tail = _Tail()
        with reporter.progress("load", path.stat().st_size) as progress:
            notes = taking.run(shadow, tail.passing(read_script(path, progress.advance)))
        if not without_end and not _is_end(tail.data, taking.script_ends):
            raise without_its_end(path)
        found = tuple(fact for fact in shadow.facts() if fact.kind == "table")
        if not found:
            raise RefusedError(
                f"{path} makes no table", hint="The live database was not touched. Is it the right file?"
            )
        for note in notes:
            reporter.warn(note)
        kept = engine.swap(shadow, f"replaced by {path.name}")
    return ImportResult(path, kept, found, tuple(notes), time.monotonic() - began)


def without_its_end(path: Path) -> DamagedError:
    """Make the error for a file whose last line is none that dump tools end with."""
    return DamagedError(
        f"{path} may be cut off: its last line is none that dump tools end with, as '-- Dump completed'",
        hint="The live database was not touched. If it was made by something that writes no such line, look at its end "
        "and add --without-end.",
    )


def missed(
    file: ScriptFile, live: DatabaseState | None, revisions: Sequence[str], snapshots: Iterable[Manifest]
) -> Iterator[str]:
    """Say what people would miss after an import, where the database, or the newest of ``snapshots``, has it."""
    gone = [name for name in live.tables if name not in file.tables] if live is not None else []
    if gone:
        yield f"the file makes no {listed_tables(gone)}, which the database has now"
    if revisions and VERSION_TABLE not in file.filled:
        yield f"the file has no revision, and the database is at {', '.join(revisions)}"
    known: set[str] = set()
    for snapshot in snapshots:
        rows = {name: count for name, count in rows_of(snapshot).items() if name not in known}
        empty = [name for name, count in rows.items() if count and name in file.tables - file.filled]
        if empty:
            taken = f"snapshot {snapshot.id} of {format_time(snapshot.time)}"
            yield f"the file has no row of {listed_tables(empty)}, and {taken} has some"
        known |= {name for name, count in rows.items() if count is not None}
        if None not in rows.values():  # of the others, an earlier one may tell
            return


def _taking(engine: Engine) -> TakesScripts:
    if not isinstance(engine, TakesScripts):
        raise RefusedError(
            f"the engine '{engine.name}' takes no SQL",
            hint="Nothing was changed. Load it with the database's own client.",
        )
    return engine


class _Tail:
    """The end of what was passed on."""

    def __init__(self) -> None:
        self.data = b""

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.data = (self.data + piece)[-_TAIL:]
            yield piece


def _is_end(tail: bytes, ends: Sequence[str]) -> bool:
    lines = [line for line in tail.split(b"\n") if line.strip()]
    return bool(lines) and lines[-1].strip().startswith(tuple(end.encode() for end in ends))


def _unquoted(name: bytes) -> str:
    if (quote := name[:1]) in {b"`", b'"'}:
        name = name[1:-1].replace(quote * 2, quote)
    return name.decode(errors="replace")
