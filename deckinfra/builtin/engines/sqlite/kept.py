"""The states that restores replaced: a file each, and a document that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import format_time, parse_time
from deckinfra.errors import DamagedError, UnknownNameError
from deckinfra.ports import Kept

from .workspace import Workspace, remove, sidecars


def path_of(workspace: Workspace, identity: str) -> Path:
    """Give the file of a kept state."""
    return workspace.folder / f"kept-{identity}.db"


def record(workspace: Workspace, identity: str, time: datetime, reason: str, *, intact: bool) -> Kept:
    """Write the document that makes a file a kept state."""
    document = {"id": identity, "time": format_time(time), "reason": reason, "intact": intact}
    workspace.write(_document(workspace, identity), encode(document))
    return Kept(identity, time, _size(path_of(workspace, identity)), reason, intact)


def states(workspace: Workspace) -> list[Kept]:
    """Give the kept states, newest first."""
    found = []
    for path in workspace.folder.glob("kept-*.json"):
        what = f"{path}"
        document = _read(path, what)
        identity = field_of(document, "id", str, what)
        found.append(
            Kept(
                identity,
                parse_time(field_of(document, "time", str, what), what),
                _size(path_of(workspace, identity)),
                field_of(document, "reason", str, what),
                field_of(document, "intact", bool, what),
            )
        )
    return sorted(found, key=lambda kept: kept.id, reverse=True)


def discard(workspace: Workspace, identity: str) -> None:
    """Delete a kept state: its document first, so that no state is ever listed without its file."""
    _document(workspace, identity).unlink(missing_ok=True)
    remove(path_of(workspace, identity))


def _document(workspace: Workspace, identity: str) -> Path:
    return workspace.folder / f"kept-{identity}.json"


def _read(path: Path, what: str) -> Mapping[str, Any]:
    try:
        return decode(path.read_bytes(), what)
    except OSError as error:
        raise DamagedError(f"{what} cannot be read: {error.strerror}") from error


def _size(path: Path) -> int:
    return sum(name.stat().st_size for name in (path, *sidecars(path)) if name.exists())


def nothing_kept(workspace: Workspace) -> UnknownNameError:
    """Make the error for an undo without anything to put back."""
    return UnknownNameError(
        f"no restore of {workspace.live} kept an earlier state",
        hint="Nothing was changed. To bring a snapshot back: 'invoke db.restore'.",
    )


def orphans(workspace: Workspace) -> list[Path]:
    """Give the files that were to become kept states, but that no document and no journal speaks of."""
    return [path for path in workspace.folder.glob("kept-*.db") if not path.with_suffix(".json").exists()]
