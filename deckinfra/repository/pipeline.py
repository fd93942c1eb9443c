"""Work spread over threads with the results in order, and never more than a few items in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from deckinfra.system.priority import give_way

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def ordered_map(
    work: Callable[[_In], _Out], items: Iterable[_In], threads: int, *, shared: ThreadPoolExecutor | None = None
) -> Iterator[_Out]:
    """Give ``work(item)`` for every item, in order, computed by ``threads`` threads.

    Takes at most ``2 * threads`` items ahead of what was given out. The first error ends it, once what is under way
    has ended; so does closing the iterator. The threads are its own, and give way to other programs, or those of
    ``shared``, which others use as well: then it takes half as many items ahead, since others' are in memory, too.
    """
    pending: deque[Future[_Out]] = deque()
    executor = shared or ThreadPoolExecutor(threads, thread_name_prefix="deckinfra", initializer=give_way)
    ahead = 2 * threads if shared is None else threads
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        wait(pending)
        if shared is None:
            executor.shutdown()
