"""A whole snapshot in memory: what a repository does for a restore, without a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deckinfra.core.manifest import Facts, Part
from deckinfra.errors import DamagedError
from deckinfra.ports import Snapshot


@dataclass(frozen=True)
class MemorySnapshot:
    """Implements :class:`deckinfra.ports.SnapshotReader` on chunks in memory.

    ``facts`` are what the source had; ``damaged`` names a part, ``(kind, name)``, whose last chunk is lost.
    """

    parts: tuple[Part, ...]
    details: Mapping[str, Any]
    facts: tuple[Facts, ...]
    contents: Mapping[tuple[str, str], tuple[bytes, ...]] = field(repr=False)
    damaged: tuple[str, str] | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> MemorySnapshot:
        """Read all of ``snapshot``."""
        contents: dict[tuple[str, str], list[bytes]] = {}
        for chunk in snapshot.chunks():
            contents.setdefault((chunk.kind, chunk.name), []).append(chunk.data)
        facts = tuple(snapshot.facts())
        known = {(each.kind, each.name): each for each in facts}
        parts = tuple(
            Part(known.get(key, Facts(*key)), sum(map(len, chunks)), len(chunks), ())
            for key, chunks in contents.items()
        )
        return cls(parts, dict(snapshot.details), facts, {key: tuple(chunks) for key, chunks in contents.items()})

    def read(self, part: Part) -> Iterator[bytes]:
        """Give a part's chunks in order."""
        key = (part.facts.kind, part.facts.name)
        chunks = self.contents[key]
        if key != self.damaged:
            yield from chunks
            return
        yield from chunks[:-1]
        raise DamagedError(f"a chunk of {part.facts.kind} '{part.facts.name}' is lost")

    def with_damage(self) -> MemorySnapshot:
        """Give the same snapshot with the last chunk of its largest part lost."""
        largest = max(self.parts, key=lambda part: part.size)
        return replace(self, damaged=(largest.facts.kind, largest.facts.name))
