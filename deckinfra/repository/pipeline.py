"""Work spread over threads with the results in order, and never more than a few items in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def ordered_map(
    work: Callable[[_In], _Out], items: Iterable[_In], threads: int, *, ahead: int | None = None
) -> Iterator[_Out]:
    """Give ``work(item)`` for every item, in order, computed by ``threads`` threads.

    Takes at most ``ahead`` items, or ``2 * threads``, ahead of what was given out. The first error ends it, once
    what is under way has ended; so does closing the iterator.
    """
    pending: deque[Future[_Out]] = deque()
    most = 2 * threads if ahead is None else ahead
    executor = ThreadPoolExecutor(threads, thread_name_prefix="deckinfra")
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) > most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
