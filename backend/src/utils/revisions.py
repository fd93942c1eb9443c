"""Which schema revision this code belongs to, and how a database stands to it.

The heads are read from the files in ``migrations/versions/`` once, at the start: each file's ``revision`` and
``down_revision`` are taken from its syntax tree, so nothing is imported or run. Alembic would load every module for
the same answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

State = Literal["current", "behind", "ahead"]

_NAMES: Final = {"revision", "down_revision"}


@dataclass(frozen=True)
class Revisions:
    """The revisions that this code has, and those among them that no other follows."""

    known: frozenset[str]
    heads: frozenset[str]

    @classmethod
    def scan(cls, migrations: Path) -> Revisions:
        """Read a migrations folder. :class:`ValueError` where there is none, or a file cannot be read."""
        known: set[str] = set()
        followed: set[str] = set()
        for path in sorted((migrations / "versions").glob("*.py")):
            values = _assignments(path)
            known.add(str(values["revision"]))
            followed.update(_several(values["down_revision"]))
        if not known:
            raise ValueError(f"there are no revisions in {migrations / 'versions'}")
        return cls(frozenset(known), frozenset(known - followed))

    def state(self, current: Iterable[str]) -> State:
        """Tell how a database at the ``current`` revisions stands: ahead where it has one that is not known here."""
        found = frozenset(current)
        if found - self.known:
            return "ahead"
        return "current" if found == self.heads else "behind"


def _assignments(path: Path) -> dict[str, Any]:
    try:
        tree = ast.parse(path.read_bytes())
        found = {
            target.id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and target.id in _NAMES
        }
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"the revision {path} cannot be read: {error}") from error
    if found.keys() != _NAMES:
        raise ValueError(f"the revision {path} does not say its revision and down_revision")
    return found


def _several(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))  # type: ignore[call-overload]
