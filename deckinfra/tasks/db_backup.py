"""Tasks on backups: taking, listing, proving and pruning them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from deckinfra.errors import DamagedError, UsageError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, duration, inventory, listing, moment, proof_kind, proof_result, queries, size

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.composition import Remote
    from deckinfra.core.manifest import Manifest
    from deckinfra.core.proof import Proof
    from deckinfra.core.retention import Policy
    from deckinfra.ports import Tables
    from deckinfra.services.results import DrillResult, Listed, PruneResult, VerifyResult
    from deckinfra.tasks.terminal import Terminal

REMOTE: Final = "The remote of this name in BACKUP_REMOTES; the first of them without a name."
SNAPSHOT: Final = "The snapshot's id, or enough of its beginning, or 'latest'."


def _show_backup(manifest: Manifest, terminal: Terminal) -> None:
    terminal.line(f"Backed up {_database(manifest)} as snapshot {manifest.id}.")
    terminal.line(
        f"  {size(manifest.size)} in {duration(manifest.seconds)};"
        f" {size(manifest.added_bytes)} of it new in {count(manifest.added_objects, 'object')}"
    )
    terminal.line("'invoke db.drill' proves that it restores.")


def tables_of(only: str | None, without: str | None = None) -> Tables:
    """Read the names of tables, parted by commas; :class:`UsageError` where there is none, or both are given."""
    from deckinfra.ports import Tables

    if only is not None and without is not None:
        raise UsageError(
            "both --tables and --without are given", hint="Name the tables that are wanted, or the others."
        )
    names = [frozenset(name.strip() for name in (text or "").split(",") if name.strip()) for text in (only, without)]
    if not names[0] | names[1]:
        raise UsageError("no table is named", hint="Write their names parted by commas: --tables=users,decks.")
    return Tables(*names)


@task(
    show=_show_backup,
    optional=("remote",),
    help={
        "remote": REMOTE,
        "init": "Make the repository, where the settings name a place without one.",
        "tables": "Only the rows of these tables, parted by commas; a restore leaves the others as they are.",
        "without": "Not the rows of these tables, parted by commas; a restore leaves them as they are.",
        "threads": "How many threads and connections, instead of BACKUP_THREADS.",
        "level": "Zstandard's level, instead of BACKUP_COMPRESSION_LEVEL.",
        "accounts": "The database's accounts, too, with what stands for their passwords; as BACKUP_ACCOUNTS=true.",
        "rate-limit": "How many MiB a second are read at most, instead of BACKUP_RATE_LIMIT.",
    },
)
def backup(
    project: App,
    remote: Remote = None,
    *,
    init: bool = False,
    tables: str | None = None,
    without: str | None = None,
    threads: str | None = None,
    level: str | None = None,
    rate_limit: str | None = None,
    accounts: bool = False,
) -> Manifest:
    """Take a backup of the database."""
    chosen = None if tables is None and without is None else tables_of(tables, without)
    project = project.adjusted(
        {
            "BACKUP_THREADS": threads,
            "BACKUP_COMPRESSION_LEVEL": level,
            "BACKUP_RATE_LIMIT": rate_limit,
            "BACKUP_ACCOUNTS": "true" if accounts else None,
        }
    )
    manifest = project.backup(remote, init=init, tables=chosen)
    project.reporter.note(f"stored in {project.repository_url(remote)}")
    return manifest


def _show_backups(found: Sequence[Listed], terminal: Terminal) -> None:
    if not found:
        terminal.line("There is no snapshot yet. 'invoke db.backup' takes one.")
        return
    terminal.table(
        ("snapshot", "taken", "database", "revision", "size", "new", "proof"),
        [
            (
                entry.manifest.id,
                moment(entry.manifest.time),
                _database(entry.manifest),
                listing(entry.manifest.revisions, "none"),
                size(entry.manifest.size),
                size(entry.manifest.added_bytes),
                _proof(entry.proof),
            )
            for entry in found
        ],
        right=(4, 5),
    )


def _database(manifest: Manifest) -> str:
    from deckinfra.services.contents import partial

    return ", ".join(filter(None, (manifest.database, partial(manifest))))


def _proof(proof: Proof | None) -> str:
    return "none" if proof is None else f"{proof_kind(proof)} {moment(proof.time)}: {proof_result(proof)}"


@task(show=_show_backups, optional=("remote",), help={"remote": REMOTE})
def backups(project: App, remote: Remote = None) -> Sequence[Listed]:
    """List the snapshots, each with its newest proof."""
    return project.backups(remote)


def _show_verify(result: VerifyResult, terminal: Terminal) -> None:
    terminal.line(
        f"Read {count(result.objects, 'object')} ({size(result.bytes)}) of {count(len(result.proofs), 'snapshot')}"
        f" in {result.repository} in {duration(result.seconds)}."
    )
    for proof in result.proofs:
        good = "good" if proof.proves else f"nothing wrong in a {proof_kind(proof)}"
        terminal.line(f"  {proof.snapshot}: {good if proof.good else 'DAMAGED'}")
        terminal.lines(f"    {problem}" for problem in proof.problems)
    terminal.lines(f"  {problem}" for problem in result.problems)


def _judge_verify(result: VerifyResult) -> None:
    damaged = [proof.snapshot for proof in result.proofs if not proof.good]
    if damaged:
        raise DamagedError(
            f"{count(len(damaged), 'snapshot is', 'snapshots are')} damaged: {listing(damaged)}",
            hint="The live database was not touched. Run 'invoke db.backup' for a whole snapshot now.",
        )
    if result.problems:
        raise DamagedError(
            f"the repository {result.repository} has {count(len(result.problems), 'problem')}: {result.problems[0]}",
            hint="The snapshots that were read are whole, and the live database was not touched.",
        )


@task(
    show=_show_verify,
    judge=_judge_verify,
    optional=("remote",),
    help={
        "snapshot": f"Only this one. {SNAPSHOT}",
        "remote": REMOTE,
        "sample": "Read only so many percent of each snapshot's objects, chosen at random.",
    },
)
def verify(project: App, snapshot: str | None = None, remote: Remote = None, sample: str | None = None) -> VerifyResult:
    """Read what is stored, and check every byte."""
    return project.verify(snapshot, remote, sample=None if sample is None else _percent(sample))


def _percent(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"--sample is '{text}'", hint="Give how many percent: --sample=10.") from None


def _show_drill(result: DrillResult, terminal: Terminal) -> None:
    proof = result.proof
    terminal.line(
        f"Snapshot {result.manifest.id} restores: loaded {proof.where} and compared in {duration(proof.seconds)}."
    )
    terminal.line(f"  Equal to what the snapshot saw: {inventory(proof)}.")
    if proof.queries:
        terminal.line(f"  {queries(proof)} found nothing wrong.")


@task(
    show=_show_drill,
    optional=("remote",),
    help={
        "snapshot": SNAPSHOT,
        "remote": REMOTE,
        "throwaway": "Restore on a database server that is started for that alone; the live one is not needed.",
    },
)
def drill(project: App, snapshot: str = "latest", remote: Remote = None, *, throwaway: bool = False) -> DrillResult:
    """Prove that a snapshot restores, and that its data is right.

    It is loaded beside the live database, compared, and asked the smoke queries; the proof is kept, the copy is not.
    """
    return project.drill(snapshot, remote, throwaway=throwaway)


def _show_prune(result: PruneResult, terminal: Terminal) -> None:
    terminal.table(
        ("snapshot", "", "because"),
        [
            (entry.snapshot, "keep" if entry.keep else "remove", listing(entry.reasons, ""))
            for entry in result.decisions
        ],
    )
    done = "Would remove" if result.dry_run else "Removed"
    terminal.line(
        f"{done} {count(result.removed_snapshots, 'snapshot')} and {count(result.removed_objects, 'object')},"
        f" {size(result.freed_bytes)}."
    )


def _loss_of_prune(project: App, *, dry_run: bool, remote: Remote, **_keep: str | None) -> str | None:
    if dry_run:
        return None
    return f"delete the snapshots of {project.repository_url(remote)} that the retention policy does not keep"


def _policy(project: App, given: Mapping[str, str | None]) -> Policy | None:
    """Give the policy that ``--keep-…`` ask for, the settings standing in for those not given; None if none is."""
    from deckinfra.core.retention import Policy
    from deckinfra.settings.groups import BackupSettings

    asked = {rule: _number(f"--keep-{rule}", text) for rule, text in given.items() if text is not None}
    if not asked:
        return None
    settings = project.settings.group(BackupSettings)
    usual = {rule: getattr(settings, f"backup_keep_{rule}") for rule in given}
    return Policy(**usual | asked)


def _number(option: str, text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{option} is '{text}'", hint="Give how many to keep; 0 switches the rule off.")
    return int(text)


@task(
    show=_show_prune,
    destroys=_loss_of_prune,
    optional=("remote",),
    help={
        "dry-run": "Only say what would be removed.",
        "remote": REMOTE,
        "keep-last": "Keep so many of the newest, instead of BACKUP_KEEP_LAST.",
        "keep-daily": "Keep the newest of so many days, instead of BACKUP_KEEP_DAILY.",
        "keep-weekly": "Keep the newest of so many weeks, instead of BACKUP_KEEP_WEEKLY.",
        "keep-monthly": "Keep the newest of so many months, instead of BACKUP_KEEP_MONTHLY.",
    },
)
def prune(
    project: App,
    *,
    dry_run: bool = False,
    remote: Remote = None,
    keep_last: str | None = None,
    keep_daily: str | None = None,
    keep_weekly: str | None = None,
    keep_monthly: str | None = None,
) -> PruneResult:
    """Delete the snapshots that need not be kept.

    The newest and the last verified one always are, and the last with rows where the others have none.
    """
    keep = {"last": keep_last, "daily": keep_daily, "weekly": keep_weekly, "monthly": keep_monthly}
    return project.prune(dry_run=dry_run, remote=remote, policy=_policy(project, keep))


TASKS: Final = (backup, backups, verify, drill, prune)
