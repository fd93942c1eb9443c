"""The states that restores replaced: a schema with the tables of each, and a document with all else.

Views, triggers, routines and events of a kept state are in its document only, so nothing in it ever runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deckinfra.core.documents import decode, field_of
from deckinfra.core.manifest import format_time, parse_time
from deckinfra.errors import UnknownNameError
from deckinfra.ports import Kept

from .journal import Entry, State, left_out_of, only_of
from .moving import ALL, Moving
from .names import is_name_of_kept
from .objects import ObjectSet
from .server import Session
from .tables import size
from .workspace import Workspace

SCHEMA = "kept"
"""The kind under which the workspace records the schemas of kept states."""


@dataclass(frozen=True)
class KeptState:
    """A kept state as its document has it: where its tables are, and what is to be made around them.

    ``left_out`` is what undoing restores left out, so that its text is not lost. ``moving`` says which tables changed
    places.
    """

    kept: Kept
    schema: str
    state: State
    left_out: ObjectSet
    moving: Moving = ALL


def document(entry: Entry) -> dict[str, Any] | None:
    """Give what is written down of the state that a swap replaced, or None if there was none."""
    if entry.old is None:
        return None
    about = {"id": entry.identity, "time": format_time(entry.time), "reason": entry.reason, "schema": entry.kept}
    return {**about, "state": entry.old.document(), "left_out": entry.left_out.document()} | (
        {} if entry.only is None else {"only": list(entry.only), "around": entry.around}
    )


def states(workspace: Workspace, session: Session) -> list[KeptState]:
    """Give the kept states, newest first."""
    rows = workspace.rows(session, "SELECT id, document FROM {kept} ORDER BY id DESC")
    return [_state(session, decode(text.encode(), f"kept state {name}"), f"kept state {name}") for name, text in rows]


def newest_id(workspace: Workspace, session: Session) -> str:
    """Give the id of the newest kept state, or nothing."""
    rows = workspace.rows(session, "SELECT MAX(id) FROM {kept}")
    return (rows[0][0] if rows else None) or ""


def nothing_kept(workspace: Workspace) -> UnknownNameError:
    """Make the error for an undo without anything to put back."""
    return UnknownNameError(
        f"no restore of {workspace.server.url} kept an earlier state",
        hint="Nothing was changed. To bring a snapshot back: 'invoke db.restore'.",
    )


def discard(workspace: Workspace, session: Session, identity: str) -> None:
    """Delete one kept state for good; its document first, so that none is ever listed without its tables."""
    schemas = [each.schema for each in states(workspace, session) if each.kept.id == identity]
    workspace.execute(session, "DELETE FROM {kept} WHERE id = %s", identity)
    for schema in schemas:
        workspace.remove(session, schema)


def orphans(workspace: Workspace, session: Session) -> list[str]:
    """Give the schemas that were to hold a kept state, but that no document speaks of."""
    listed = {each.schema for each in states(workspace, session)}
    return [schema for schema, _, _ in workspace.recorded(session, SCHEMA) if schema not in listed]


def unknown(workspace: Workspace, session: Session) -> list[str]:
    """Give the schemas that are called as kept states of this database are, and that nothing written down speaks of."""
    known = set()
    if workspace.is_there(session):  # an account that may not see it may not read it either
        known = {each.schema for each in states(workspace, session)}
        known |= {schema for schema, _, _ in workspace.recorded(session, SCHEMA)}
    names = [row[0] for row in session.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1")]
    return [name for name in names if is_name_of_kept(workspace.database, name) and name not in known]


def _state(session: Session, found: Mapping[str, Any], what: str) -> KeptState:
    schema = field_of(found, "schema", str, what)
    state = State.from_document(field_of(found, "state", dict, what), what)
    kept = Kept(
        field_of(found, "id", str, what),
        parse_time(field_of(found, "time", str, what), what),
        size(session, schema),
        field_of(found, "reason", str, what),
    )
    only = only_of(found, what)
    moving = ALL if only is None else Moving(frozenset(only), around=found.get("around") is not False)
    return KeptState(kept, schema, state, left_out_of(found, what), moving)
