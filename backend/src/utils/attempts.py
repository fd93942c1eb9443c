"""Failed logins: how many a name may have from one address, and an address in all, in a sliding window."""

from __future__ import annotations

import threading
import time
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final

from src.utils.errors import TooMany

WINDOW: Final = 60.0
"""Seconds for which a failure counts, and so the longest that anybody is kept waiting."""

MOST_OF_NAME: Final = 10
"""Failures of one name from one address. From another address the person still gets in."""

MOST_OF_ADDRESS: Final = 100

MOST_KEPT: Final = 20_000
"""Names and addresses that are remembered; beyond it, the one that failed longest ago is forgotten."""

_Key = tuple[str, str]


class Attempts:
    """Remembers failures, in this process alone and until it ends. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[_Key, deque[float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Let a login go on; :class:`TooMany` says in how many seconds to try again."""
        now = self._clock()
        with self._lock:
            wait = max(self._wait(key, most, now) for key, most in _keys(name, address).items())
        if wait > 0:
            raise TooMany("There were too many failed logins: wait a little.", ceil(wait))

    def failed(self, name: str, address: str) -> None:
        """Remember a failure."""
        now = self._clock()
        with self._lock:
            for key, most in _keys(name, address).items():
                times = self._failed.setdefault(key, deque(maxlen=most))
                times.append(now)
                self._failed.move_to_end(key)
            while len(self._failed) > MOST_KEPT:
                self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget a name's failures from an address."""
        with self._lock:
            self._failed.pop(next(iter(_keys(name, address))), None)

    def _wait(self, key: _Key, most: int, now: float) -> float:
        times = self._failed.get(key)
        return times[0] + WINDOW - now if times and len(times) == most else 0.0


def _keys(name: str, address: str) -> dict[_Key, int]:
    """Give what is counted, and how often it may be."""
    place = _place(address)
    return {(unicodedata.normalize("NFKC", name).casefold(), place): MOST_OF_NAME, ("", place): MOST_OF_ADDRESS}


def _place(address: str) -> str:
    """Take the network of an IPv6 address: who has one has all 2⁶⁴ in it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
