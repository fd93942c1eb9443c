"""A proof: what was found when a snapshot was put to the test, kept beside it in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from deckinfra.core.documents import field_of, number_of
from deckinfra.core.manifest import Manifest, format_time, parse_time

_T = TypeVar("_T")

SAMPLE: Final = "sample"
"""The kind of a verify that read some of the objects only."""


@dataclass(frozen=True)
class Proof:
    """What a verify or a drill of one snapshot proved: ``kind`` is ``verify``, ``sample`` or ``drill``.

    ``objects`` tells how many stored objects were read for it, ``seconds`` how long it took; of a sample, ``percent``
    how many of a hundred were to be read. ``problems`` is empty where nothing was found wrong.

    A drill also tells ``where`` it restored, how many things of each kind it ``compared``, with how many ``rows`` of
    tables, which smoke ``queries`` it asked, and which of these ``failed``: then ``problems`` has a sentence for each.
    Proofs of before that told it have none of this.
    """

    snapshot: str
    kind: str
    time: datetime
    seconds: float
    host: str
    objects: int
    problems: tuple[str, ...] = ()
    percent: float | None = None
    where: str = ""
    compared: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    queries: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    @property
    def proves(self) -> bool:
        """Whether it shows that the whole snapshot is good: a sample says nothing of what it did not read."""
        return self.good and self.kind != SAMPLE

    @property
    def whole(self) -> bool:
        """Whether all that was found wrong is what smoke queries found: it restores, with data that is not right."""
        return len(self.problems) == len(self.failed)

    def document(self) -> dict[str, Any]:
        """Give the proof as the JSON object that is stored. What it has nothing to tell of is left out."""
        told = {
            "percent": self.percent,
            "where": self.where,
            "compared": dict(self.compared),
            "rows": self.rows,
            "queries": list(self.queries),
            "failed": list(self.failed),
        }
        return {
            "snapshot": self.snapshot,
            "kind": self.kind,
            "time": format_time(self.time),
            "seconds": round(self.seconds, 3),
            "host": self.host,
            "objects": self.objects,
            "problems": list(self.problems),
            **{name: value for name, value in told.items() if value},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> Proof:
        """Read a proof back; a :class:`DamagedError` that names ``what`` otherwise."""
        problems = field_of(document, "problems", list, what)
        percent = number_of(document, "percent", what) if "percent" in document else None
        compared: Mapping[str, Any] = _told(document, "compared", {}, what)
        return cls(
            snapshot=field_of(document, "snapshot", str, what),
            kind=field_of(document, "kind", str, what),
            time=parse_time(field_of(document, "time", str, what), what),
            seconds=number_of(document, "seconds", what),
            host=field_of(document, "host", str, what),
            objects=field_of(document, "objects", int, what),
            problems=tuple(map(str, problems)),
            percent=percent,
            where=_told(document, "where", "", what),
            compared={kind: field_of(compared, kind, int, what) for kind in compared},
            rows=_told(document, "rows", 0, what),
            queries=tuple(map(str, _told(document, "queries", [], what))),
            failed=tuple(map(str, _told(document, "failed", [], what))),
        )


def _told(document: Mapping[str, Any], name: str, nothing: _T, what: str) -> _T:
    return field_of(document, name, type(nothing), what) if name in document else nothing


def verdict(proofs: Sequence[Proof]) -> Proof | None:
    """Give the proof that counts, of all that a snapshot has, newest first; None if it has none.

    A drill proves more than a verify: what a drill found is only overruled by a newer drill, or by a newer
    verify that found damage. A sample counts where it found damage, and where there is nothing else.
    """
    proofs = [proof for proof in proofs if proof.kind != SAMPLE or not proof.good] or proofs
    drill = next((proof for proof in proofs if proof.kind == "drill"), None)
    if drill is None or proofs[0] is drill:
        return proofs[0] if proofs else None
    return proofs[0] if drill.good or not proofs[0].good else drill


@dataclass(frozen=True)
class Listed:
    """One snapshot in a list: its manifest and the proof that counts, if there is one."""

    manifest: Manifest
    proof: Proof | None
