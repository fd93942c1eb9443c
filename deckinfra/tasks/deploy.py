"""Tasks that look at an environment as a whole, and bring it to this checkout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from deckinfra.errors import ChecksFailedError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, duration, inventory, listing, moment, queries, size

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.services.results import DatabaseStatus, DeployResult, StatusResult
    from deckinfra.tasks.terminal import Terminal


def _show_status(result: StatusResult, terminal: Terminal) -> None:
    terminal.line(f"Environment '{result.environment}' (kind {result.kind}, {result.stage})")
    if result.services:
        terminal.table(
            ("service", "is", "ports", "image"),
            [
                (service.name, service.described, listing(service.ports, ""), service.image)
                for service in result.services
            ],
        )
    if result.database is not None:
        terminal.lines(_database_lines(result.database))
    if result.migrations is not None:
        at = listing(result.migrations.current, "no revision")
        terminal.line(f"schema:      {at}, {result.migrations.state}")
    if result.last_backup is not None:
        from deckinfra.services.contents import partial

        newest = result.last_backup
        lacking = f"  {partial(newest)}" if partial(newest) else ""
        terminal.line(f"last backup: {moment(newest.time)}  {newest.id}  {size(newest.size)}{lacking}")
    if result.last_proof is not None:
        proof = result.last_proof
        older = result.last_backup is None or proof.snapshot != result.last_backup.id
        of = "  (of an older backup)" if older else ""
        terminal.line(f"last proof:  {moment(proof.time)}  {proof.snapshot}  {proof.kind}{of}")
        if proof.where:
            terminal.line(f"             restored {proof.where}: {inventory(proof)}; {queries(proof)}")
    terminal.lines(f"WRONG  {problem}" for problem in result.problems)


def _database_lines(database: DatabaseStatus) -> Iterator[str]:
    tables = count(database.tables, "table")
    yield f"database:    {database.label}  {database.version}  {tables}, {size(database.size)}"
    activity = database.activity
    if activity is None:
        return
    yield (
        f"connections: {activity.connections} of {activity.connection_limit}; "
        f"slow queries since the server started: {activity.slow_queries:,}"
    )
    for query in activity.running:
        yield f"  for {duration(query.seconds)}: {query.user} (connection {query.connection}): {query.statement}"


def _judge_status(result: StatusResult) -> None:
    if result.problems:
        raise ChecksFailedError(
            f"{count(len(result.problems), 'thing')} wrong with '{result.environment}'",
            hint=f"Nothing was changed. 'invoke doctor -e {result.environment}' says how to mend what it knows.",
        )


@task(show=_show_status, judge=_judge_status)
def status(project: App) -> StatusResult:
    """Show the services, the database, the schema, the last backup and the last proof."""
    return project.status()


def _show_deploy(result: DeployResult, terminal: Terminal) -> None:
    services = listing([service.name for service in result.services])
    if result.migrated is None:
        terminal.line(f"'{result.environment}' runs again what ran before, brought back in {duration(result.seconds)}.")
        terminal.line("  database: as it is; migrations that were applied stay applied")
        terminal.line(f"  services: {services}")
        return
    terminal.line(f"'{result.environment}' runs this version, deployed in {duration(result.seconds)}.")
    saved = "there was no data yet" if result.backup is None else f"snapshot {result.backup.id}"
    terminal.line(f"  backup:   {saved}")
    terminal.line(f"  schema:   {listing(result.migrated.after, 'no revision')}")
    terminal.line(f"  services: {services}")


def _loss_of_deploy(project: App, back: bool) -> str | None:
    if not back:
        return None
    from deckinfra.services.deploy import broken_off

    began = broken_off(project).owner.since
    return f"replace what runs by what ran before the deployment that began at {began} (the database stays as it is)"


@task(
    show=_show_deploy,
    destroys=_loss_of_deploy,
    help={"back": "Bring back what ran before a deployment that broke off; asks first."},
)
def deploy(project: App, back: bool = False) -> DeployResult:
    """Back up, build, migrate and start this version; a failed start brings the old one back."""
    return project.deploy(back=back)


TASKS: Final = (status, deploy)
