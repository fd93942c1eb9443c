"""Turns at the database: as many requests at a time as there are connections; the others wait, but not for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from starlette.concurrency import run_in_threadpool

from src.utils.errors import Unavailable
from src.utils.faults import SOON

_Result = TypeVar("_Result")


class Turns:
    """``most`` turns at a time, given in order. Who waits needs neither a thread nor a connection."""

    def __init__(self, most: int, limit: float) -> None:
        self._free = anyio.Semaphore(most)
        self._limit = limit

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have a turn while the context is open; :class:`Unavailable` where none came within ``limit`` seconds."""
        try:
            with anyio.fail_after(self._limit):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("Every connection to the database is in use.", SOON) from None
        try:
            yield
        finally:
            self._free.release()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do ``work`` in a thread, when it is its turn."""
        async with self.one():
            return await run_in_threadpool(work)
