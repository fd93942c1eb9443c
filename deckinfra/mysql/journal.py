"""The journal of a swap: written before anything changes, gone when all is done.

It has all that is needed to end the swap in either direction, also where the schemas are half-way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.core.manifest import format_time, parse_time

from .objects import NOTHING, ObjectSet
from .tables import Default

_WHAT: Final = "the journal of a restore"


@dataclass(frozen=True)
class State:
    """What a schema held when the swap began: its tables' names, the other objects, its default charset."""

    tables: tuple[str, ...]
    objects: ObjectSet
    default: Default

    def document(self) -> dict[str, Any]:
        """Give the state as a JSON object."""
        return {"tables": list(self.tables), **asdict(self.default), **self.objects.document()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> State:
        """Read a state back; a :class:`DamagedError` that names ``what`` otherwise."""
        default = Default(field_of(document, "charset", str, what), field_of(document, "collation", str, what))
        return cls(tuple(field_of(document, "tables", list, what)), ObjectSet.from_document(document, what), default)


@dataclass(frozen=True)
class Entry:
    """One swap: the tables of the schema ``source`` become the live ones, those that were live go to schema ``kept``.

    ``kept`` and ``old`` are None where there was no database. ``put_back`` is the kept state that ``source`` was;
    ``left_out`` is what belonged to it and cannot be made. ``only`` are the tables that change places where others
    stay, else None: the tables of both states are among them, while both states' objects are those of the whole schema.
    ``around`` tells whether views, routines and events follow.
    """

    identity: str
    time: datetime
    reason: str
    source: str
    new: State
    kept: str | None = None
    old: State | None = None
    put_back: str = ""
    left_out: ObjectSet = NOTHING
    only: tuple[str, ...] | None = None
    around: bool = True

    def moves(self, table: str) -> bool:
        """Whether a table of the live schema goes to ``kept``."""
        return self.only is None or table in self.only

    @property
    def leaving(self) -> ObjectSet:
        """The triggers of the tables that go."""
        return self.old.objects.triggers_on(self.old.tables) if self.old else NOTHING

    @property
    def arriving(self) -> ObjectSet:
        """The triggers of the tables that come."""
        return self.new.objects.triggers_on(self.new.tables)

    def document(self) -> dict[str, Any]:
        """Give the entry as a JSON object."""
        return {
            "id": self.identity,
            "time": format_time(self.time),
            "reason": self.reason,
            "source": self.source,
            "new": self.new.document(),
            "kept": self.kept,
            "old": self.old.document() if self.old else None,
            "put_back": self.put_back,
            "left_out": self.left_out.document(),
            "only": None if self.only is None else list(self.only),
            "around": self.around,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Entry:
        """Read an entry back; a :class:`DamagedError` otherwise."""
        old = document.get("old")
        return cls(
            identity=field_of(document, "id", str, _WHAT),
            time=parse_time(field_of(document, "time", str, _WHAT), _WHAT),
            reason=field_of(document, "reason", str, _WHAT),
            source=field_of(document, "source", str, _WHAT),
            new=State.from_document(field_of(document, "new", dict, _WHAT), _WHAT),
            kept=document.get("kept"),
            old=State.from_document(old, _WHAT) if old else None,
            put_back=field_of(document, "put_back", str, _WHAT),
            left_out=left_out_of(document, _WHAT),
            only=only_of(document, _WHAT),
            around=document.get("around") is not False,
        )


def left_out_of(document: Mapping[str, Any], what: str) -> ObjectSet:
    """Read what was left out, which documents of earlier versions do not speak of."""
    return ObjectSet.from_document(document["left_out"], what) if "left_out" in document else NOTHING


def only_of(document: Mapping[str, Any], what: str) -> tuple[str, ...] | None:
    """Read which tables alone changed places; None where all did, as always in documents of earlier versions."""
    return None if document.get("only") is None else tuple(field_of(document, "only", list, what))
