"""The journal of a swap: written before anything changes, gone when all is done.

A journal document is the document of a kept state with a little more in it, so that a swap ends by
renaming the one into the other: in one step, and with no need of room on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deckinfra.core.documents import decode, encode, field_of
from deckinfra.core.manifest import parse_time
from deckinfra.errors import DamagedError
from deckinfra.system.files import sync_directory

from . import kept
from .workspace import Workspace, move_sidecars, remove

OVERWRITE = "overwrite"
REPLACE = "replace"
PLACE = "place"


@dataclass(frozen=True)
class Entry:
    """One swap: which file goes live and how, and what the old state is kept as.

    ``cookie`` is the schema version of the old state, where it could be read.
    """

    how: str
    source: Path
    identity: str
    time: datetime
    reason: str
    cookie: int = 0


def begin(workspace: Workspace, entry: Entry) -> None:
    """Write the journal."""
    document = kept.document(entry.identity, entry.time, entry.reason, intact=entry.how == OVERWRITE)
    more = {"how": entry.how, "source": entry.source.name, "cookie": entry.cookie}
    workspace.write(workspace.journal, encode({**document, **more}))


def read(workspace: Workspace) -> Entry | None:
    """Give the swap that is under way, if one is."""
    if not workspace.journal.exists():
        return None
    what = str(workspace.journal)
    try:
        document = decode(workspace.journal.read_bytes(), what)
        return Entry(
            how=field_of(document, "how", str, what),
            source=workspace.folder / field_of(document, "source", str, what),
            identity=field_of(document, "id", str, what),
            time=parse_time(field_of(document, "time", str, what), what),
            reason=field_of(document, "reason", str, what),
            cookie=field_of(document, "cookie", int, what),
        )
    except DamagedError as error:
        hint = f"If {workspace.live} is as you want it, delete that file; else restore by hand what lies beside it."
        raise DamagedError(error.message, hint=hint) from error


def settle(workspace: Workspace, entry: Entry, *, live: bool, spent: bool) -> None:
    """End a swap: the old state becomes a kept one if the new one is ``live``, and goes if not.

    With ``spent`` the source was used up, and what is left of it goes.
    """
    if not live:
        if entry.how == REPLACE:
            move_sidecars(kept.path_of(workspace, entry.identity), workspace.live)
        remove(kept.path_of(workspace, entry.identity))
    if spent:
        kept.drop(entry.source)
    if live and entry.how != PLACE:
        workspace.journal.replace(kept.document_of(workspace, entry.identity))
    else:
        workspace.journal.unlink()
    sync_directory(workspace.folder)
