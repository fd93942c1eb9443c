"""Work spread over several connections, a thread for each, which ends for all of them when it fails for one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from deckinfra.errors import LockedError
from deckinfra.mysql import Session

Item = TypeVar("Item")

_PATIENCE = 1800.0
_PAUSE = 1.0


def patiently(make: Callable[[], object]) -> None:
    """Make something beside the live database, again and again while others' locks are in the way.

    A backup on MySQL keeps all from making tables for as long as it takes. To wait for it in one go would keep out a
    second one, which holds the same lock while it waits for us. :class:`LockedError` after half an hour.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            make()
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def spread(items: Iterable[Item], sessions: Sequence[Session], work: Callable[[Session, Item], None]) -> None:
    """Do ``work`` with each item, in about that order, on whichever of ``sessions`` is free.

    The first error is raised. When it comes, or the waiting is interrupted, all connections are cut, so that nobody
    waits for what the others are at: the sessions are of no use then.
    """
    left, is_over, failed = SimpleQueue[Item](), threading.Event(), list[BaseException]()
    for item in items:
        left.put(item)

    def run(session: Session) -> None:
        try:
            while not is_over.is_set():
                try:
                    item = left.get_nowait()
                except Empty:
                    return
                work(session, item)
        except BaseException as error:
            failed.append(error)
            raise

    with ThreadPoolExecutor(max(1, len(sessions))) as pool:
        running = [pool.submit(run, session) for session in sessions]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            is_over.set()
            if not all(each.done() and each.exception() is None for each in running):
                cut(sessions)
    if failed:
        raise failed[0]


def cut(sessions: Sequence[Session]) -> None:
    """Cut the connections, whoever is at work on them: what waits for the server has an error at once."""
    for session in sessions:
        connection: Any = session.connection
        with suppress(OSError, AttributeError):
            connection._sock.shutdown(socket.SHUT_RDWR)
