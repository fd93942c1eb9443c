"""Restore: load beside the live database, compare, swap, and keep what was replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from deckinfra.core.manifest import Facts, Manifest, Origin, Part
from deckinfra.core.names import unknown_name
from deckinfra.errors import DamagedError, RefusedError
from deckinfra.ports import ALL_TABLES, CarefulShadow, Engine, Kept, Reporter, Shadow, SnapshotReader, Tables
from deckinfra.repository import Repository
from deckinfra.services.locking import locked
from deckinfra.services.results import RestoreResult, UndoResult
from deckinfra.services.selecting import selective


@contextmanager
def loaded(
    engine: Engine,
    repository: Repository,
    manifest: Manifest,
    purpose: str,
    reporter: Reporter,
    *,
    tables: Tables = ALL_TABLES,
) -> Iterator[tuple[Shadow, Sequence[Facts]]]:
    """Load a snapshot, or some of its tables, beside the live database, and compare it with what the snapshot saw.

    The value is the shadow and the facts found in it. :class:`DamagedError` if they differ, before
    anything is live; :class:`RefusedError` if another engine made the snapshot.
    """
    if manifest.engine != engine.name:
        raise RefusedError(
            f"snapshot {manifest.id} is of engine '{manifest.engine}', and {engine.url} needs one of '{engine.name}'",
            hint="Nothing was changed. Restore it into a database of its own kind.",
        )
    with ExitStack() as stack:
        if tables.are_all:
            shadow, expected = stack.enter_context(engine.shadow(purpose)), _all
        else:
            partial = stack.enter_context(selective(engine).shadow_of(purpose, tables))
            shadow, expected = partial, partial.expected
        _see_to_needs(shadow, Counted(repository, manifest, lambda size: None), manifest, reporter)
        with reporter.progress("load", manifest.size) as progress:
            shadow.load(Counted(repository, manifest, progress.advance))
        found = shadow.facts()
        differences = compare(expected(manifest.facts), found)
        if differences:
            raise DamagedError(
                f"what was restored from snapshot {manifest.id} is not what was backed up: {'; '.join(differences)}",
                hint="The live database was not touched. 'invoke db.verify' tells which snapshots are whole.",
            )
        yield shadow, found


def _see_to_needs(shadow: Shadow, source: SnapshotReader, manifest: Manifest, reporter: Reporter) -> None:
    """Say what a restore needs, and all that is lacking at once, while nothing was loaded."""
    if not isinstance(shadow, CarefulShadow):
        return
    needs = shadow.needs(source)
    for need in needs:
        if not need.lacking:
            reporter.note(f"it needs {need.what}" + (f" ({need.hint})" if need.hint else ""))
    lacking = [need for need in needs if need.lacking]
    if lacking:
        told = "; ".join(f"it needs {need.what}, and {need.lacking}" for need in lacking)
        hints = dict.fromkeys(need.hint for need in lacking if need.hint)
        raise RefusedError(
            f"snapshot {manifest.id} cannot be restored here: {told}",
            hint=" ".join(["Nothing was changed.", *hints]),
        )


def restore(
    engine: Engine,
    repository: Repository,
    wanted: str,
    origin: Origin,
    reporter: Reporter,
    *,
    timeout: float,
    before_swap: Callable[[Manifest], None],
    tables: Tables = ALL_TABLES,
) -> RestoreResult:
    """Make the snapshot ``wanted`` (an id, its beginning, or ``latest``), or some of its tables, the live database.

    ``before_swap`` is called when the data is verified beside the live database; its error stops the
    restore. Whatever is raised before the swap, the live database was not touched.
    """
    began = time.monotonic()
    with repository.reading("db.restore"):
        manifest = repository.snapshots.find(wanted, origin)
        with (
            locked(engine, "db.restore", reporter, timeout=timeout),
            loaded(engine, repository, manifest, "db.restore", reporter, tables=tables) as (shadow, found),
        ):
            before_swap(manifest)
            only = f", tables {', '.join(sorted(tables.named))} only" if tables.only else ""
            kept = engine.swap(shadow, f"replaced by snapshot {manifest.id}{only}")
    return RestoreResult(manifest, kept, tuple(found), time.monotonic() - began)


def restore_into(
    engine: Engine,
    repository: Repository,
    manifest: Manifest,
    reporter: Reporter,
    *,
    timeout: float,
    tables: Tables = ALL_TABLES,
) -> RestoreResult:
    """Make a new database of a snapshot, or of some of its tables: the one at ``engine``, which must not be there."""
    if engine.state().exists:
        raise RefusedError(
            f"there is a database already at {engine.url}",
            hint="Nothing was changed. Name another one with --into, or drop that one first.",
        )
    result = restore(
        engine,
        repository,
        manifest.id,
        manifest.origin,
        reporter,
        timeout=timeout,
        before_swap=lambda _: None,
        tables=tables,
    )
    return replace(result, into=str(engine.url))


def undo_restore(engine: Engine, reporter: Reporter, *, timeout: float) -> UndoResult:
    """Put the newest kept state back, and keep what it replaces."""
    with locked(engine, "db.undo-restore", reporter, timeout=timeout):
        restored, kept = engine.undo()
    return UndoResult(restored, kept)


def discard_kept(engine: Engine, identity: str, *, timeout: float) -> Kept:
    """Delete the kept state ``identity`` for good."""
    with engine.lock("db.kept", timeout=timeout):
        states = {kept.id: kept for kept in engine.kept()}
        if identity not in states:
            raise unknown_name("kept state", identity, states, hint="'invoke db.kept' lists them.")
        engine.discard(states[identity])
        return states[identity]


def compare(expected: Sequence[Facts], found: Sequence[Facts]) -> list[str]:
    """Give the differences between two lists of facts, in words; none: they are the same."""
    wanted = {(fact.kind, fact.name): fact for fact in expected}
    seen = {(fact.kind, fact.name): fact for fact in found}
    differences = [f"{kind} '{name}' is missing" for kind, name in wanted.keys() - seen.keys()]
    differences += [f"{kind} '{name}' was not there" for kind, name in seen.keys() - wanted.keys()]
    for key in wanted.keys() & seen.keys():
        if wanted[key].rows != seen[key].rows:
            differences.append(f"{key[0]} '{key[1]}' has {seen[key].rows} rows instead of {wanted[key].rows}")
        elif wanted[key].checksum != seen[key].checksum:
            differences.append(f"{key[0]} '{key[1]}' has another checksum")
    return sorted(differences)


def _all(facts: Sequence[Facts]) -> Sequence[Facts]:
    return facts


class Counted:
    """A snapshot reader that tells how many bytes were read."""

    def __init__(self, repository: Repository, manifest: Manifest, advance: Callable[[int], None]) -> None:
        self._reader = repository.reader(manifest)
        self._advance = advance
        self.parts: Sequence[Part] = manifest.parts
        self.details = manifest.details

    def read(self, part: Part) -> Iterator[bytes]:
        """Give a part's chunks in order, each checked."""
        for data in self._reader.read(part):
            self._advance(len(data))
            yield data
