"""Tasks on the project as a whole: setup, doctor, plugins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.errors import ChecksFailedError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.text import count, listing

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.plugins import PluginRecord
    from deckinfra.services.results import Finding, SetupResult
    from deckinfra.tasks.terminal import Terminal


def _show_setup(result: SetupResult, terminal: Terminal) -> None:
    terminal.table(
        ("step", "", "what there is"),
        [(step.name, "changed" if step.changed else "as it was", step.summary) for step in result.steps],
    )
    changed = sum(step.changed for step in result.steps)
    outcome = f"{count(changed, 'step')} changed something" if changed else "Nothing needed to be changed"
    terminal.lines(("", f"{outcome}; the environment '{result.environment}' is ready.", "Next:"))
    terminal.lines(f"  {line}" for line in result.next)


@task(show=_show_setup)
def setup(project: App) -> SetupResult:
    """Take a checkout to a proven backup, step by step.

    Settings, migrations, example data (not in production), a first backup, and a drill of it. What is
    there already stays as it is, so it is safe to run again.
    """
    return project.setup()


def _show_findings(findings: Sequence[Finding], terminal: Terminal) -> None:
    for finding in findings:
        terminal.line(
            f"{'ok   ' if finding.ok else 'WRONG'}  {finding.check}{f': {finding.message}' if finding.message else ''}"
        )
        if finding.hint:
            terminal.line(f"       {finding.hint}")


def _judge_findings(findings: Sequence[Finding]) -> None:
    wrong = [finding.check for finding in findings if not finding.ok]
    if wrong:
        raise ChecksFailedError(
            f"{len(wrong)} of {count(len(findings), 'check')} found something wrong: {listing(wrong)}",
            hint="Nothing was changed. Each says above how to mend it.",
        )


@task(show=_show_findings, judge=_judge_findings)
def doctor(project: App) -> Sequence[Finding]:
    """Say what is wrong here, and how to mend it."""
    return project.doctor()


def _show_plugins(records: Sequence[PluginRecord], terminal: Terminal) -> None:
    terminal.table(
        ("plugin", "origin", "status", "version", "hooks", "reason"),
        [
            (
                record.name,
                record.origin,
                record.status,
                record.version,
                listing([hook.removeprefix("deckinfra_") for hook in record.hooks], ""),
                record.reason,
            )
            for record in records
        ],
    )


@task(show=_show_plugins, project=False)
def plugins(root: Path) -> Sequence[PluginRecord]:
    """List the plugins, and why one did not load."""
    from deckinfra.plugins import PluginManager

    return PluginManager.load(root, os.environ).records


TASKS: Final = (setup, doctor, plugins)
