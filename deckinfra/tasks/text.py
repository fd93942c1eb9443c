"""Numbers and times as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deckinfra.core.proof import Proof

_OBJECTS: Final = ("view", "trigger", "procedure", "function", "event", "sequence")
"""The kinds of facts that people know by name, beside tables."""


def size(count: int) -> str:
    """Write a number of bytes in three or four digits: ``1.4 MiB``."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def amount(done: int, unit: str) -> str:
    """Write how much is done: bytes as a size, anything else as a number."""
    return size(done) if unit == "bytes" else f"{done:,} {unit}"


def duration(seconds: float) -> str:
    """Write a time span: ``0.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(time: datetime) -> str:
    """Write a time in UTC to the second, as manifests do."""
    from deckinfra.core.manifest import format_time

    return format_time(time)


def count(number: int, noun: str, plural: str = "") -> str:
    """Write ``1 snapshot``, ``2 snapshots``, ``3,000 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(words: Sequence[str], nothing: str = "none") -> str:
    """Join words with commas, or say that there are none."""
    return ", ".join(words) or nothing


def proof_kind(proof: Proof) -> str:
    """Name what was done: ``drill``, ``verify``, ``sample of 10 %``."""
    return proof.kind if proof.percent is None else f"{proof.kind} of {proof.percent:g} %"


def proof_result(proof: Proof) -> str:
    """Say what it came to: ``good``, ``good, 4 queries``, ``1 of 4 QUERIES FAILED``, ``BAD``."""
    if not proof.good:
        return f"{len(proof.failed)} of {len(proof.queries)} QUERIES FAILED" if proof.whole else "BAD"
    return f"good, {count(len(proof.queries), 'query', 'queries')}" if proof.queries else "good"


def inventory(proof: Proof) -> str:
    """List what a drill compared: ``2 tables with 40 rows, 1 view, 3 parts of the engine's own``."""
    compared = dict(proof.compared)
    told = [f"{count(compared.pop('table', 0), 'table')} with {count(proof.rows, 'row')}"]
    told += [count(compared.pop(kind), kind) for kind in _OBJECTS if kind in compared]
    own = sum(compared.values())
    return listing([*told, f"{count(own, 'part')} of the engine's own"] if own else told)


def queries(proof: Proof) -> str:
    """Say how many smoke queries a drill asked: ``4 smoke queries``, ``no smoke queries``."""
    return count(len(proof.queries), "smoke query", "smoke queries") if proof.queries else "no smoke queries"
