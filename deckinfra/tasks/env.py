"""Tasks on the configuration of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deckinfra.core.secret import REDACTED
from deckinfra.errors import ChecksFailedError
from deckinfra.tasks.decorator import task
from deckinfra.tasks.generated import show_written, write_generated
from deckinfra.tasks.text import count

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.settings import Problem, Value
    from deckinfra.settings.initialise import Change
    from deckinfra.tasks.terminal import Terminal


def _show_problems(problems: Sequence[Problem], terminal: Terminal) -> None:
    if not problems:
        terminal.line("The configuration is complete, and nothing is wrong with it.")
    for problem in problems:
        source = f" ({problem.source})" if problem.source else ""
        terminal.line(f"{problem.name} {problem.message}{source}")
        if problem.hint:
            terminal.line(f"    {problem.hint}")


def _judge_problems(problems: Sequence[Problem]) -> None:
    if problems:
        raise ChecksFailedError(
            f"the configuration has {count(len(problems), 'problem')}",
            hint="Nothing was changed. 'invoke env.init' makes what can be made; the rest is yours to mend.",
        )


@task(show=_show_problems, judge=_judge_problems)
def check(project: App) -> Sequence[Problem]:
    """Report everything that is wrong at once."""
    return project.check_settings()


def _show_changes(changes: Sequence[Change], terminal: Terminal) -> None:
    if not changes:
        terminal.line("There was nothing to make; nothing was changed.")
    for change in changes:
        terminal.line(f"{change.path}: {change.summary}")


@task(show=_show_changes)
def init(project: App) -> Sequence[Change]:
    """Write what is missing; what a person set stays."""
    return project.init_settings()


def _show_values(values: Sequence[Value], terminal: Terminal) -> None:
    terminal.table(
        ("variable", "value", "from"),
        [(value.name, "" if value.text is None else value.text, value.source) for value in values],
    )


@task(show=_show_values)
def show(project: App) -> Sequence[Value]:
    """Print the effective settings and their sources."""
    values = project.settings.values.values()
    return [replace(value, text=REDACTED) if value.secret and value.text else value for value in values]


def _show_docs(written: Sequence[Change], terminal: Terminal) -> None:
    show_written(written, terminal, "The documents are what the schema says; nothing was changed.")


@task(show=_show_docs)
def docs(project: App) -> Sequence[Change]:
    """Write .env.example and docs from the schema.

    docs/configuration.md is written where there is a docs folder.
    """
    from deckinfra.settings.render import example_text, reference_text

    groups = project.plugins.settings_groups()
    texts = {".env.example": example_text(groups), "docs/configuration.md": reference_text(groups)}
    there = {name: text for name, text in texts.items() if (project.root / name).parent.is_dir()}
    return write_generated(project.root, there, "written from the schema")


TASKS: Final = (check, init, show, docs)
