"""The states that restores replaced: a file each, and a document that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deckinfra.core.documents import decode, field_of
from deckinfra.core.manifest import format_time, parse_time
from deckinfra.errors import DamagedError, UnknownNameError
from deckinfra.ports import Kept

from .workspace import SIDECARS, Workspace, remove, sidecars

_ID: Final = "%Y%m%dT%H%M%S%fZ"


def next_id(workspace: Workspace, moment: datetime) -> str:
    """Give the id of a state kept at ``moment``: ids sort in the order of the swaps, whatever the clock does."""
    newest = max((path.stem.removeprefix("kept-") for path in workspace.folder.glob("kept-*.json")), default="")
    identity = f"{moment:{_ID}}"
    if identity > newest:
        return identity
    return f"{datetime.strptime(newest, _ID).replace(tzinfo=UTC) + timedelta(microseconds=1):{_ID}}"


def path_of(workspace: Workspace, identity: str) -> Path:
    """Give the file of a kept state."""
    return workspace.folder / f"kept-{identity}.db"


def document_of(workspace: Workspace, identity: str) -> Path:
    """Give the file of the document that makes a file a kept state."""
    return path_of(workspace, identity).with_suffix(".json")


def document(identity: str, time: datetime, reason: str, *, intact: bool) -> dict[str, Any]:
    """Give what is written down of a kept state."""
    return {"id": identity, "time": format_time(time), "reason": reason, "intact": intact}


def state(workspace: Workspace, identity: str) -> Kept:
    """Give one kept state."""
    path = document_of(workspace, identity)
    what = str(path)
    found = _read(path, what)
    return Kept(
        field_of(found, "id", str, what),
        parse_time(field_of(found, "time", str, what), what),
        _size(path_of(workspace, identity)),
        field_of(found, "reason", str, what),
        field_of(found, "intact", bool, what),
    )


def states(workspace: Workspace) -> list[Kept]:
    """Give the kept states, newest first."""
    names = [path.stem.removeprefix("kept-") for path in workspace.folder.glob("kept-*.json")]
    return [state(workspace, identity) for identity in sorted(names, reverse=True)]


def discard(workspace: Workspace, identity: str) -> None:
    """Delete one kept state for good."""
    drop(path_of(workspace, identity))


def drop(path: Path) -> None:
    """Delete a file of ours; its document first, so that no state is ever listed without its file."""
    path.with_suffix(".json").unlink(missing_ok=True)
    remove(path)


def nothing_kept(workspace: Workspace) -> UnknownNameError:
    """Make the error for an undo without anything to put back."""
    return UnknownNameError(
        f"no restore of {workspace.live} kept an earlier state",
        hint="Nothing was changed. To bring a snapshot back: 'invoke db.restore'.",
    )


def orphans(workspace: Workspace) -> list[Path]:
    """Give the files that were to become kept states, but that no document and no journal speaks of."""
    found = set()
    for path in workspace.folder.glob("kept-*.db*"):
        name = path.name
        for suffix in SIDECARS:
            name = name.removesuffix(suffix)
        found.add(path.with_name(name))
    return sorted(path for path in found if not path.with_suffix(".json").exists())


def _read(path: Path, what: str) -> Mapping[str, Any]:
    try:
        return decode(path.read_bytes(), what)
    except OSError as error:
        raise DamagedError(f"{what} cannot be read: {error.strerror}") from error


def _size(path: Path) -> int:
    return sum(name.stat().st_size for name in (path, *sidecars(path)) if name.exists())
