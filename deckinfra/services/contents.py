"""What a snapshot holds by its manifest, what was found wrong with it, and what a restore of it would lose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from deckinfra.core.manifest import Manifest, format_time
from deckinfra.core.proof import Listed
from deckinfra.ports import VERSION_TABLE, DatabaseState

_MOST = 5


def holds_rows(manifest: Manifest) -> bool:
    """Whether a table of the snapshot has a row, the table of revisions excepted. In doubt, one has."""
    return any(rows != 0 for rows in rows_of(manifest).values())


def partial(manifest: Manifest) -> str:
    """Give ``without rows of table 'log'`` for a snapshot that was asked to have none of some; else nothing."""
    without = manifest.details.get("without_rows")
    return f"without rows of {listed_tables(without)}" if without else ""


def left_out(manifest: Manifest) -> Iterator[str]:
    """Say of which tables a snapshot was asked to have no rows."""
    if partial(manifest):
        yield f"snapshot {manifest.id} is {partial(manifest)}: where the database has these, they stay"


def doubts(listed: Listed) -> Iterator[str]:
    """Say what was found wrong with a snapshot when it was last put to the test."""
    proof, identity = listed.proof, listed.manifest.id
    if proof is None or proof.good:
        return
    when = f"on {format_time(proof.time)}"
    if proof.whole:
        yield f"snapshot {identity} restores; smoke queries failed on it {when}: {'; '.join(proof.problems)}"
    else:
        yield f"snapshot {identity} was found bad {when}: {proof.problems[0]}"


def lacks(
    manifest: Manifest, live: DatabaseState | None, revisions: Sequence[str], others: Iterable[Manifest]
) -> Iterator[str]:
    """Say what people would miss after a restore of a snapshot that has nothing where there is, or was, something.

    ``live`` is the live database (None: it cannot be looked at), ``revisions`` are its revisions. ``others`` are
    snapshots, newest first: those taken before this one, of the same project and environment, are compared with it,
    since what is backed up after an accident is what the accident left.
    """
    tables = rows_of(manifest)
    if live is not None and live.tables and not tables:
        yield f"snapshot {manifest.id} has no table, and the database has {len(live.tables)} now"
    if revisions and not manifest.revisions:
        yield (
            f"snapshot {manifest.id} has no revision, and the database is at {', '.join(revisions)}: "
            "it was taken before the first migration"
        )
    for earlier in others:
        if earlier.origin != manifest.origin or earlier.id >= manifest.id:
            continue
        # A migration may have dropped a table; nothing else is meant to.
        dropped = None if tables and earlier.revisions != manifest.revisions else 0
        gone = {name: rows for name, rows in rows_of(earlier).items() if rows and tables.get(name, dropped) == 0}
        if gone:
            yield (
                f"snapshot {manifest.id} has no row of {listed_tables(gone)}, and an earlier one, {earlier.id} of "
                f"{format_time(earlier.time)}, has {sum(gone.values()):,}"
            )
            return


def rows_of(manifest: Manifest) -> Mapping[str, int | None]:
    """Give how many rows each table has; None where its engine does not tell."""
    return {fact.name: fact.rows for fact in manifest.facts if fact.kind == "table" and fact.name != VERSION_TABLE}


def listed_tables(names: Iterable[str]) -> str:
    """Name some tables, and say how many more there are."""
    found = [f"'{name}'" for name in names]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"{'tables' if len(found) > 1 else 'table'} {', '.join(found[:_MOST])}{more}"
