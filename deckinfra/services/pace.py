"""Holding back, so that a backup leaves the server, the disk and the network to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from deckinfra.ports import Chunk


def paced(
    chunks: Iterable[Chunk],
    limit: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Chunk]:
    """Give ``chunks``, up to ``limit`` bytes of them a second on the whole: who is ahead of that waits; 0: no limit."""
    began, taken = clock(), 0
    for chunk in chunks:
        yield chunk
        taken += len(chunk.data)
        ahead = taken / limit - (clock() - began) if limit else 0.0
        if ahead > 0:
            sleep(ahead)
