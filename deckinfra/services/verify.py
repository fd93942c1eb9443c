"""Verify: read everything that snapshots name, and compare it with the checksums it was stored under."""

from __future__ import annotations

import math
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from deckinfra.core.manifest import Manifest, Origin
from deckinfra.core.proof import SAMPLE, Proof
from deckinfra.errors import DamagedError, UsageError
from deckinfra.repository import Repository, StoredSnapshot
from deckinfra.repository.idset import IdSet, id_set
from deckinfra.repository.lists import ChunkEntry, encode_list
from deckinfra.repository.pipeline import ordered_map
from deckinfra.services.backup import now
from deckinfra.services.results import VerifyResult

_MOST_PROBLEMS: Final = 20


class _Checker:
    """Checks objects, each once, however many snapshots share it; of each list, those that ``choose`` gives."""

    def __init__(self, good: IdSet, bad: IdSet, choose: Callable[[Sequence[ChunkEntry]], Sequence[ChunkEntry]]) -> None:
        self._choose = choose
        self._good = good
        self._bad = bad
        self.objects = 0
        self.bytes = 0

    def snapshot(self, reader: StoredSnapshot, manifest: Manifest, threads: int) -> tuple[str, ...]:
        """Give what is wrong with one snapshot."""
        problems: list[str] = []
        more = 0
        for problem in self._problems(reader, manifest, threads):
            if len(problems) < _MOST_PROBLEMS:
                problems.append(problem)
            else:
                more += 1
        return (*problems, f"and {more} more") if more else tuple(problems)

    def _problems(self, reader: StoredSnapshot, manifest: Manifest, threads: int) -> Iterator[str]:
        for part in manifest.parts:
            size = chunks = 0
            broken = False
            for identity in part.lists:
                try:
                    entries = reader.list(identity)
                except DamagedError as error:
                    broken = True
                    yield error.message
                    continue
                self._count(identity, len(encode_list(entries)))
                size += sum(entry.size for entry in entries)
                chunks += len(entries)
                fresh = [entry for entry in self._choose(entries) if entry.identity not in self._good]
                known_bad = [entry for entry in fresh if entry.identity in self._bad]
                yield from (f"object {entry.identity[:12]}… is damaged or missing" for entry in known_bad)
                unknown = (entry for entry in fresh if entry.identity not in self._bad)
                for entry, problem in ordered_map(lambda entry: _look(reader, entry), unknown, threads):
                    if problem:
                        self._bad.add(entry.identity)
                        yield problem
                    else:
                        self._count(entry.identity, entry.size)
            if not broken and (size, chunks) != (part.size, part.chunks):
                what = f"{part.facts.kind} '{part.facts.name}'"
                yield f"{what} has {size} bytes in {chunks} chunks instead of {part.size} in {part.chunks}"

    def _count(self, identity: str, size: int) -> None:
        if self._good.add(identity):
            self.objects += 1
            self.bytes += size


def _look(reader: StoredSnapshot, entry: ChunkEntry) -> tuple[ChunkEntry, str]:
    try:
        reader.chunk(entry)
    except DamagedError as error:
        return entry, error.message
    return entry, ""


def _wanted(repository: Repository, wanted: str | None, origin: Origin) -> list[str]:
    """Give the ids of the snapshots to check; that a manifest is damaged is for the check to find."""
    return repository.snapshots.ids() if wanted is None else [repository.snapshots.resolve(wanted, origin)]


@contextmanager
def _checker(choose: Callable[[Sequence[ChunkEntry]], Sequence[ChunkEntry]]) -> Iterator[_Checker]:
    with id_set() as good, id_set() as bad:
        yield _Checker(good, bad, choose)


def _chooser(percent: float | None, chance: random.Random) -> Callable[[Sequence[ChunkEntry]], Sequence[ChunkEntry]]:
    """Give what chooses so many of a list's objects at random, at least one of each list; with None, all."""
    if percent is None:
        return lambda entries: entries
    if not 0 < percent < 100:
        raise UsageError(
            f"a sample is more than 0 and less than 100 percent of the objects, not {percent:g}",
            hint="Nothing was read. Without a sample, everything is.",
        )
    return lambda entries: chance.sample(entries, math.ceil(len(entries) * percent / 100))


def verify(
    repository: Repository,
    wanted: str | None,
    *,
    origin: Origin,
    sample: float | None = None,
    chance: random.Random | None = None,
    clock: Callable[[], datetime] = now,
) -> VerifyResult:
    """Check one snapshot, or with None every one in the repository, and keep a proof for each.

    With ``sample``, read so many of a hundred objects of each snapshot, chosen by ``chance``, beside all of its lists.
    What such a proof does not find may be there.

    The result tells of every problem; damage raises nothing, except that :class:`DamagedError` tells why
    it cannot be known which snapshot is ``latest``. :class:`UnknownNameError` for one that is not there, and
    the store's :class:`StoreError` when it cannot be read at all.
    """
    began = time.monotonic()
    proofs: list[Proof] = []
    problems: list[str] = []
    choose, kind = _chooser(sample, chance or random.SystemRandom()), "verify" if sample is None else SAMPLE
    with repository.reading("db.verify"), _checker(choose) as checker:
        for identity in _wanted(repository, wanted, origin):
            started, objects = time.monotonic(), checker.objects
            try:
                manifest = repository.snapshots.read(identity)
            except DamagedError as error:
                problems.append(error.message)
                continue
            found = checker.snapshot(repository.reader(manifest), manifest, repository.threads)
            seconds = time.monotonic() - started
            host, read = socket.gethostname(), checker.objects - objects
            proof = Proof(identity, kind, clock().replace(microsecond=0), seconds, host, read, found, sample)
            repository.record(proof)
            proofs.append(proof)
        seconds = time.monotonic() - began
        return VerifyResult(str(repository), checker.objects, checker.bytes, seconds, tuple(proofs), tuple(problems))
