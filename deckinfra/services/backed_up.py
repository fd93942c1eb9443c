"""Whether the backups that there are can be relied on: what a monitor, and whoever looks, is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from deckinfra.core.settings import Stage

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.services.results import Listed

LONGEST_WITHOUT_BACKUP: Final = {Stage.PRODUCTION: timedelta(hours=26)}
"""How old the newest backup may be: in production a day and some slack, elsewhere as below."""

USUALLY_WITHOUT_BACKUP: Final = timedelta(days=30)
CLOCK_SLACK: Final = timedelta(minutes=5)


def own_backups(project: App) -> Sequence[Listed]:
    """Give the snapshots of this project and environment, newest first; what :meth:`App.backups` raises."""
    return [entry for entry in project.backups() if entry.manifest.origin == project.origin]


def unreliable(listed: Sequence[Listed], stage: Stage, now: datetime) -> tuple[str, str] | None:
    """Say what is wrong with the snapshots ``listed``, newest first, and how to mend it; None where nothing is.

    The last one that was put to the test has to be good: one that was taken since, and that nothing has looked at,
    may have the same fault.
    """
    if not listed:
        return "there is no backup", "Run 'invoke db.backup', then 'invoke db.drill'."
    newest = listed[0].manifest
    age = now - newest.time
    if age < -CLOCK_SLACK:
        return f"snapshot {newest.id} is from the future", "Look at the clocks of the machines that back up."
    if age > LONGEST_WITHOUT_BACKUP.get(stage, USUALLY_WITHOUT_BACKUP):
        return f"the newest backup is {age.days} d {age.seconds // 3600} h old", "Run 'invoke db.backup'."
    # A good sample is no test: it says nothing of what it did not read.
    tested = (entry.proof for entry in listed if entry.proof is not None)
    proof = next((proof for proof in tested if proof.proves or not proof.good), None)
    if proof is None:
        return "no backup was ever proven to restore", "Run 'invoke db.drill'."
    if proof.good:
        return None
    if proof.whole:
        return (
            f"the last backup that was drilled, {proof.snapshot}, restores, and its data may be wrong: "
            f"{proof.problems[0]}",
            "Look at the live database: it may be just as wrong. Or mend the query; then 'invoke db.drill' asks again.",
        )
    if proof.snapshot == newest.id:
        return f"the newest backup is bad: {proof.problems[0]}", "Run 'invoke db.backup', then 'invoke db.drill'."
    return (
        f"the last backup that was looked at, {proof.snapshot}, is bad: {proof.problems[0]}",
        "Run 'invoke db.drill': it says whether the newest one is good.",
    )
