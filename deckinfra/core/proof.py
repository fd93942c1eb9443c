"""A proof: what was found when a snapshot was put to the test, kept beside it in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deckinfra.core.documents import field_of, number_of
from deckinfra.core.manifest import Manifest, format_time, parse_time


@dataclass(frozen=True)
class Proof:
    """What a verify or a drill of one snapshot proved: ``kind`` is ``verify`` or ``drill``.

    ``objects`` tells how many stored objects were read for it, ``seconds`` how long it took.
    ``problems`` is empty where it proved the snapshot good.
    """

    snapshot: str
    kind: str
    time: datetime
    seconds: float
    host: str
    objects: int
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """Give the proof as the JSON object that is stored."""
        return {
            "snapshot": self.snapshot,
            "kind": self.kind,
            "time": format_time(self.time),
            "seconds": round(self.seconds, 3),
            "host": self.host,
            "objects": self.objects,
            "problems": list(self.problems),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> Proof:
        """Read a proof back; a :class:`DamagedError` that names ``what`` otherwise."""
        problems = field_of(document, "problems", list, what)
        return cls(
            snapshot=field_of(document, "snapshot", str, what),
            kind=field_of(document, "kind", str, what),
            time=parse_time(field_of(document, "time", str, what), what),
            seconds=number_of(document, "seconds", what),
            host=field_of(document, "host", str, what),
            objects=field_of(document, "objects", int, what),
            problems=tuple(str(problem) for problem in problems),
        )


def verdict(proofs: Sequence[Proof]) -> Proof | None:
    """Give the proof that counts, of all that a snapshot has, newest first; None if it has none.

    A drill proves more than a verify: what a drill found is only overruled by a newer drill, or by a newer
    verify that found damage.
    """
    drill = next((proof for proof in proofs if proof.kind == "drill"), None)
    if drill is None or proofs[0] is drill:
        return proofs[0] if proofs else None
    return proofs[0] if drill.good or not proofs[0].good else drill


@dataclass(frozen=True)
class Listed:
    """One snapshot in a list: its manifest and the proof that counts, if there is one."""

    manifest: Manifest
    proof: Proof | None
