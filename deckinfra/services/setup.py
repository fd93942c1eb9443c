"""From a checkout to a backup that is proven to restore, in one go, as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from deckinfra.core.proof import verdict
from deckinfra.core.settings import Stage
from deckinfra.errors import ConfigurationError, DamagedError, RepositoryError
from deckinfra.services.at_stake import revisions_at_stake
from deckinfra.services.locking import alone_with_stack
from deckinfra.services.results import SetupResult, Step

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.manifest import Manifest
    from deckinfra.ports import Service


def setup(project: App) -> SetupResult:
    """Bring ``project`` to a checked configuration, a migrated and seeded database, and a proven backup.

    What is done already is left as it is. Whatever a step raises comes through; what the steps before
    it did stays done, and the next run goes on from there.
    """
    environment = _environment(project)
    project.plugins.before("setup", project=project)
    found = _found(project)
    with alone_with_stack(project, "setup") if found else nullcontext():
        pending = revisions_at_stake(project)
        started = (*_backup_before(project, pending or ()), *_stack(project, found))
    steps = (environment, *started, _migrate(project), _seed(project), *_backup(project, new=pending is None))
    result = SetupResult(project.environment_name, steps, _next(project))
    project.plugins.after("setup", project=project, result=result)
    return result


def _environment(project: App) -> Step:
    name = project.environment_name
    project.reporter.step(f"environment '{name}'")
    changes = project.init_settings()
    for change in changes:
        project.reporter.note(f"{change.path}: {change.summary}")
    problems = project.check_settings()
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ConfigurationError(
            f"the configuration of '{name}' is not usable: {first.name} {first.message}{more}",
            hint=f"{' '.join(['Nothing but the configuration was touched.', first.hint]).strip()} "
            f"'invoke env.check -e {name}' lists everything.",
        )
    summary = f"{len(changes)} written, and checked" if changes else "complete and checked"
    return Step("environment", bool(changes), summary)


def _found(project: App) -> Mapping[str, Service]:
    """Give the services as they are, by name, where the environment has any."""
    stack = project.environment.stack()
    return {} if stack is None else {service.name: service for service in stack.services()}


def _backup_before(project: App, pending: Sequence[str]) -> tuple[Step, ...]:
    """Back up data that is about to be migrated: by the stack that is started, or by the step that does it."""
    if not pending:
        return ()
    project.reporter.step("backup")
    project.reporter.note(f"there is data, and revisions are to be applied to it: {', '.join(pending)}")
    manifest = project.backup()
    return (Step("backup", changed=True, summary=f"snapshot {manifest.id} from before {', '.join(pending)}"),)


def _stack(project: App, before: Mapping[str, Service]) -> tuple[Step, ...]:
    """Build and start the environment's services, where it has any, and wait until they are healthy."""
    if project.environment.stack() is None:
        return ()
    project.reporter.step("build")
    project.stack.build()
    project.reporter.step("start")
    after = project.stack.up()
    # What does its work and ends starts anew each time, and finds nothing to do.
    started = [each.name for each in after if not each.one_shot and each.started != before[each.name].started]
    healthy = f"{len(after)} services, all healthy or done{_published(after)}"
    if started:
        return (Step("stack", changed=True, summary=f"{healthy}; started: {', '.join(started)}"),)
    return (Step("stack", changed=False, summary=healthy),)


def _published(services: Sequence[Service]) -> str:
    """Say where those services are reached that publish a port."""
    places = [f"{service.name} at {port.split('->')[0]}" for service in services for port in service.ports]
    return f" ({', '.join(places)})" if places else ""


def _migrate(project: App) -> Step:
    project.reporter.step("migrate")
    result = project.migrate()
    at = ", ".join(result.after) or "no revision"
    applied = f"; {len(result.revisions)} applied" if result.revisions else ""
    return Step("migrate", bool(result.revisions), f"schema at {at}{applied}")


def _seed(project: App) -> Step:
    if project.settings.stage is Stage.PRODUCTION:
        return Step("seed", changed=False, summary="no example data in production")
    project.reporter.step("seed")
    seeds = project.seed()
    added = sum(seeds.values())
    if added:
        return Step("seed", changed=True, summary=f"{added:,} rows of example data added")
    return Step("seed", changed=False, summary="example data is there" if seeds else "no plugin brings example data")


def _backup(project: App, *, new: bool) -> tuple[Step, Step]:
    """Take a backup and prove it, where there is none. For a new database the repository may be new wherever it is."""
    proven = _proven(project)
    if proven is not None:
        return (
            Step("backup", changed=False, summary=f"snapshot {proven.id} of this schema is there"),
            Step("drill", changed=False, summary=f"snapshot {proven.id} is proven to restore"),
        )
    project.reporter.step("backup")
    manifest = project.backup(init=new)
    project.reporter.step("drill")
    drilled = project.drill(manifest.id)
    compared = f"{len(drilled.compared)} parts compared"
    if drilled.proof.queries:
        compared += f", {len(drilled.proof.queries)} smoke queries asked"
    return (
        Step("backup", changed=True, summary=f"snapshot {manifest.id} in {project.repository_url()}"),
        Step("drill", changed=True, summary=f"snapshot {manifest.id} is proven to restore: {compared}"),
    )


def _proven(project: App) -> Manifest | None:
    """Give the newest snapshot of this environment and schema that a drill proved, and nothing since disproved."""
    current = set(project.migration_status().current)
    here = (project.origin, project.environment.database_label())
    try:
        with project.repository() as repository:
            for listed in repository.listed():
                manifest = listed.manifest
                if (manifest.origin, manifest.database) != here or set(manifest.revisions) != current:
                    continue
                proofs = repository.proofs.of(manifest.id)
                counts = verdict(proofs)
                if counts and counts.good and any(proof.good and proof.kind == "drill" for proof in proofs):
                    return manifest
    except DamagedError:
        raise
    except RepositoryError:
        # There is none yet. One that cannot be used fails the backup, which says why.
        return None
    return None


def _next(project: App) -> tuple[str, ...]:
    name = project.environment_name
    option = "" if name == project.config.default_environment else f" -e {name}"
    commands = {
        f"invoke status{option}": "see everything at a glance",
        f"invoke db.backup{option}": "take the next backup",
        f"invoke doctor{option}": "see what could be better",
        "invoke --list": "see everything else",
    }
    width = max(map(len, commands))
    return tuple(f"{command:{width}}    {purpose}" for command, purpose in commands.items())
