"""The project's revisions: the graph that the files in its migrations folder make, and plans over it."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.core.names import unknown_name
from deckinfra.errors import MigrationError, UsageError

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from alembic.script import Script, ScriptDirectory

_FILES: Final = "%(rev)s_%(slug)s"
_STEPS: Final = re.compile(r"([+-])(\d+)\Z")


class Revisions:
    """The revisions in a migrations folder; a folder that is not there has none.

    Every method, and making one, raises :class:`MigrationError` where a file cannot be loaded or the
    graph is broken.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = _load(folder)
        scripts = [] if self.directory is None else list(self.directory.walk_revisions())
        self.all: dict[str, Script] = {script.revision: script for script in reversed(scripts)}
        """Every revision by its id, parents before children."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that no other one follows."""
        return () if self.directory is None else tuple(sorted(self.directory.get_heads()))

    def applied(self, current: Sequence[str]) -> set[str]:
        """Give the revisions that a database at ``current`` has: those and everything before them."""
        found: set[str] = set()
        waiting = list(current)
        while waiting:
            identity = waiting.pop()
            if identity not in found and identity in self.all:
                found.add(identity)
                waiting.extend(self.all[identity]._all_down_revisions)
        return found

    def unknown(self, current: Sequence[str]) -> tuple[str, ...]:
        """Give those of a database's revisions that this code does not have."""
        return tuple(sorted(identity for identity in current if identity not in self.all))

    def plan_up(self, target: str, current: Sequence[str]) -> list[RevisionStep]:
        """Give the steps from ``current`` up to ``target``: ``head``, ``+N``, a revision (or how its id begins)."""
        self._require_known(current)
        steps = _STEPS.match(target)
        if target == "base" or (steps is not None and steps[1] == "-"):
            raise UsageError(f"'{target}' is no target to migrate to", hint="Give head, +N, or a revision.")
        if steps is None and target not in {"head", "heads"}:
            target = self._find(target)
            if target in self.applied(current):
                return []
        if self.directory is None:
            return []
        if steps is not None:
            return self._first(int(steps[2]), self.directory._upgrade_revs("heads", tuple(current)), "apply")  # type: ignore[arg-type]
        if target == "head":
            self.require_one_head()
        return self.directory._upgrade_revs(target if self.all else "heads", tuple(current))  # type: ignore[arg-type]

    def plan_down(self, target: str, current: Sequence[str]) -> list[RevisionStep]:
        """Give the steps from ``current`` back to ``target``: ``base``, ``-N``, a revision (or how its id begins)."""
        self._require_known(current)
        steps = _STEPS.match(target)
        if target in {"head", "heads"} or (steps is not None and steps[1] == "+"):
            raise UsageError(f"'{target}' is no target to roll back to", hint="Give base, -N, or a revision.")
        if steps is None and target != "base":
            target = self._find(target)
            if target not in self.applied(current):
                raise MigrationError(
                    f"revision {target} is not applied, so there is nothing to roll back to",
                    hint="Nothing was changed. `invoke db.status` shows where the database is.",
                )
        if self.directory is None or not current:
            return []
        if steps is not None:
            return self._first(int(steps[2]), self.directory._downgrade_revs("base", tuple(current)), "take back")  # type: ignore[arg-type]
        return self.directory._downgrade_revs(target, tuple(current))  # type: ignore[arg-type]

    def require_one_head(self) -> None:
        """Raise :class:`MigrationError` where the newest revision is not one but several."""
        if len(self.heads) > 1:
            raise MigrationError(
                f"the revisions end in {len(self.heads)} heads: {', '.join(self.heads)}",
                hint="Nothing was changed. Let one of them follow the other: set its down_revision.",
            )

    def next_id(self) -> str:
        """Give the id of a new revision: one more than the highest number, in four digits."""
        return f"{max((int(identity) for identity in self.all if identity.isdecimal()), default=0) + 1:04d}"

    def _find(self, text: str) -> str:
        found = [identity for identity in self.all if text and identity.startswith(text)]
        if text in found:
            return text
        if len(found) != 1:
            raise unknown_name("revision", text, found or self.all, hint="`invoke db.history` lists them.")
        return found[0]

    def _require_known(self, current: Sequence[str]) -> None:
        unknown = self.unknown(current)
        if unknown:
            raise MigrationError(
                f"the database is at revision {', '.join(unknown)}, which {self.folder} does not have",
                hint="Nothing was changed. Check out the code that has it, or restore a backup of before.",
            )

    @staticmethod
    def _first(count: int, steps: list[RevisionStep], verb: str) -> list[RevisionStep]:
        if count > len(steps):
            raise MigrationError(
                f"there are {len(steps)} revisions to {verb}, not {count}",
                hint="Nothing was changed. `invoke db.history` shows which are applied.",
            )
        return steps[:count]


def identity(step: RevisionStep) -> str:
    """Give the id of the revision that a step applies or takes back."""
    return str(step.revision.revision)


def _load(folder: Path) -> ScriptDirectory | None:
    from alembic.script import ScriptDirectory

    if not folder.is_dir():
        return None
    with _broken_graph(folder):
        directory = ScriptDirectory(folder, file_template=_FILES, messaging_opts={"quiet": True})
        directory.get_heads()
        return directory


@contextmanager
def _broken_graph(folder: Path) -> Iterator[None]:
    # Alembic only warns of a revision that is there twice, or whose parent is not there, and goes on without it.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            yield
    except Exception as error:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).parent.parent == folder.resolve()
        ]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        text = " ".join(str(error).split()) or type(error).__name__
        raise MigrationError(
            f"the revisions in {folder} cannot be read: {text}{where}",
            hint="The database was not touched. Mend that file; every revision's id and parent stand at its top.",
        ) from error
