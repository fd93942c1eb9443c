"""How much of the processors a thread gets beside others that want them."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Final

NICE: Final = 19
"""The niceness of what gives way: others get seventy times as much where there is not enough for all."""


def give_way() -> None:
    """Let other programs go first from now on: the calling thread alone, where the system can do that (Linux).

    These are those that share processors with it by niceness: of the same container or, where the kernel groups by
    sessions, the same session (sched(7)). It costs nothing where a processor is idle. It cannot be taken back, so it is
    for threads of one work.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
