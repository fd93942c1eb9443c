"""Looking at a machine and a project, and saying what is wrong and how to mend it. Nothing is changed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.errors import DeckinfraError
from deckinfra.services.backed_up import own_backups, unreliable
from deckinfra.services.results import Finding

if TYPE_CHECKING:
    from deckinfra.app import App

Wrong = tuple[str, str] | None
"""What is wrong and how to mend it, or None."""

MINIMUM_PYTHON: Final = (3, 11)
MINIMUM_SQLITE: Final = (3, 35)
SPARE_BYTES: Final = 256 * 1024 * 1024
"""What must be free beyond a second copy of the database, which a restore makes."""

NEEDING_DATABASE: Final = frozenset({"migrations", "disk"})
"""The checks that have nothing to look at where the database is not there."""

BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""This code is no older: a clock that shows an earlier time is wrong."""


def doctor(project: App, now: datetime | None = None) -> tuple[Finding, ...]:
    """Make every check, the built-in ones and the plugins', and give a finding for each.

    A check that raises is a finding too. With settings or a database that are not usable, what needs them is not
    looked at, and says so. ``now`` (aware) defaults to the clock.
    """
    look = _Look(project, now or datetime.now(UTC))
    machine: list[tuple[str, Callable[[], Wrong]]] = [
        ("python", lambda: python_version(sys.version_info[:3])),
        ("sqlite", lambda: sqlite_version(sqlite3.sqlite_version_info)),
        ("clock", look.clock),
        ("plugins", look.plugins),
        ("git", look.ignored),
        ("settings", look.settings),
    ]
    needing_settings: list[tuple[str, Callable[[], Wrong]]] = [
        ("database", look.database),
        ("migrations", look.migrations),
        ("backups", look.backups),
        ("disk", look.disk),
    ]
    for check in project.plugins.checks():
        needing_settings.append((check.name, lambda check=check: check.look(project)))  # type: ignore[misc]
    findings = [_finding(name, examine) for name, examine in machine]
    if not findings[-1].ok:
        return (*findings, *(_left_out(name, "settings") for name, _ in needing_settings))
    if look.has_stack:
        findings.append(_finding("stack", look.stack))
    for name, examine in needing_settings:
        there = name not in NEEDING_DATABASE or all(each.ok for each in findings if each.check == "database")
        findings.append(_finding(name, examine) if there else _left_out(name, "database"))
    return tuple(findings)


def _left_out(check: str, cause: str) -> Finding:
    """Give the finding of a check that cannot look: one cause is told once."""
    return Finding(check, ok=False, message="not looked at", hint=f"Mend the {cause} first.")


def _finding(name: str, examine: Callable[[], Wrong]) -> Finding:
    try:
        wrong = examine()
    except DeckinfraError as error:
        return Finding(name, ok=False, message=error.message, hint=error.hint)
    except Exception as error:  # a broken check must not hide what the others found
        hint = "The check itself is broken; tell whoever wrote it."
        return Finding(name, ok=False, message=f"could not look: {type(error).__name__}: {error}", hint=hint)
    return Finding(name, ok=True) if wrong is None else Finding(name, ok=False, message=wrong[0], hint=wrong[1])


def python_version(found: Sequence[int]) -> Wrong:
    """Look at the version of Python."""
    if tuple(found[:2]) >= MINIMUM_PYTHON:
        return None
    return (
        f"this is Python {_dotted(found)}",
        f"Use Python {_dotted(MINIMUM_PYTHON)} or later, then scripts/setup-env.sh.",
    )


def sqlite_version(found: Sequence[int]) -> Wrong:
    """Look at the version of the SQLite library that Python uses."""
    if tuple(found[:2]) >= MINIMUM_SQLITE:
        return None
    return f"SQLite is {_dotted(found)}", f"Use a Python with SQLite {_dotted(MINIMUM_SQLITE)} or later."


def room(free: int, database: int) -> Wrong:
    """Look at the free bytes of the disk, for a database of that many."""
    needed = database + SPARE_BYTES
    if free >= needed:
        return None
    return (
        f"{free // 2**20:,} MiB are free here, and a restore may need {needed // 2**20:,} MiB",
        "Make room; 'invoke db.prune --dry-run' says what old backups take.",
    )


def _dotted(version: Sequence[int]) -> str:
    return ".".join(str(number) for number in version)


class _Look:
    """The checks that look at a project, and what several of them need."""

    def __init__(self, project: App, now: datetime) -> None:
        self.project = project
        self.now = now

    def clock(self) -> Wrong:
        if self.now >= BUILT:
            return None
        return f"the clock shows {self.now:%Y-%m-%d}", "Set it: backups are named, listed and pruned by time."

    def plugins(self) -> Wrong:
        failed = [record for record in self.project.plugins.records if record.status == "failed"]
        if not failed:
            return None
        reasons = "; ".join(f"{record.name}: {record.reason}" for record in failed)
        return f"did not load: {reasons}", "Mend them, or list them in DECKINFRA_DISABLE_PLUGINS."

    def ignored(self) -> Wrong:
        seen = [name for name in (".env", ".secrets/any") if not _is_ignored(self.project.root, name)]
        if not seen:
            return None
        names = " and ".join(name.removesuffix("any") for name in seen)
        return f"git does not ignore {names}", "Add it to .gitignore before a secret is committed."

    def settings(self) -> Wrong:
        problems = self.project.check_settings()
        if not problems:
            return None
        name = self.project.environment_name
        first = f"{problems[0].name} {problems[0].message}"
        return f"problems: {len(problems)}, the first: {first}", f"Run 'invoke env.check -e {name}' for all of them."

    @property
    def has_stack(self) -> bool:
        try:
            return self.project.environment.stack() is not None
        except DeckinfraError:
            return True  # looking at it says what is wrong

    def stack(self) -> Wrong:
        stack, name = self.project.environment.stack(), self.project.environment_name
        assert stack is not None
        stack.check()
        waiting = [service for service in stack.services() if not service.ready]
        if not waiting:
            return None
        listed = "; ".join(f"{service.name} is {service.described}" for service in waiting)
        return listed, f"Run 'invoke stack.up -e {name}'; 'invoke stack.logs -e {name}' shows what they wrote."

    def database(self) -> Wrong:
        if self.project.engine.state().exists:
            return None
        return f"there is no database at {self.project.engine.url}", "Run 'invoke setup'."

    def migrations(self) -> Wrong:
        status = self.project.migration_status()
        if status.state == "up to date":
            return None
        if status.state == "ahead":
            return "the database is ahead of this code", "Update the code, or restore a backup of its revision."
        waiting = ", ".join(status.pending)
        return f"the database is {status.state}; to apply: {waiting}", "Run 'invoke db.migrate'."

    def backups(self) -> Wrong:
        return unreliable(own_backups(self.project), self.project.settings.stage, self.now)

    def disk(self) -> Wrong:
        return room(shutil.disk_usage(self.project.root).free, self.project.engine.state().size)


def _is_ignored(root: Path, name: str) -> bool:
    """Whether git would leave the file out; where there is no git, or no repository, nothing can be committed."""
    command = ["git", "check-ignore", "--quiet", name]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, stdin=subprocess.DEVNULL, timeout=10, check=False)
    except OSError:
        return True
    return done.returncode != 1
