"""Turns at what there is little of: so many requests at a time; the others wait, but not for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from src.utils.errors import Unavailable
from src.utils.faults import SOON

_Result = TypeVar("_Result")


class Turns:
    """``most`` turns at a time, given in order. Who waits needs neither a thread nor a connection.

    ``refusal`` is said to whoever waited for ``limit`` seconds in vain.
    """

    def __init__(self, most: int, limit: float, refusal: str = "Every connection to the database is in use.") -> None:
        self._free = anyio.Semaphore(most)
        self._threads = CapacityLimiter(most)
        self._limit = limit
        self._refusal = refusal

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have a turn while the context is open; :class:`Unavailable` where none came within ``limit`` seconds."""
        try:
            with anyio.fail_after(self._limit):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(self._refusal, SOON) from None
        try:
            yield
        finally:
            self._free.release()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do ``work`` in a thread, when it is its turn."""
        async with self.one():
            return await to_thread.run_sync(work, limiter=self._threads)
