"""What a run took: seconds, and how busy this machine's own processes and the server's container were meanwhile."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from load.database import Server


@dataclass(frozen=True)
class Measured:
    """Seconds; processor seconds of what ran here and of all in the server's container; peak memory in MB, if known."""

    seconds: float
    here: float
    there: float
    peak: float = 0.0


def measured(
    server: Server,
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    source: IO[bytes] | None = None,
    sink: IO[bytes] | None = None,
) -> Measured:
    """Run a command to its end; :class:`subprocess.CalledProcessError` if that is not a good one."""
    there, began, busy = _busy(server), time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(list(command), env={**os.environ, **variables}, stdin=source, stdout=sink)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(command))
    done = resource.getrusage(resource.RUSAGE_CHILDREN)
    here = done.ru_utime + done.ru_stime - busy.ru_utime - busy.ru_stime
    return Measured(seconds, here, _busy(server) - there, usage.ru_maxrss * 1024 / 1e6)


def _busy(server: Server) -> float:
    """Give the processor seconds of the server's container, with what runs in it."""
    script = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || cat /sys/fs/cgroup/cpu.stat"
    command = ["docker", "exec", server.container, "sh", "-c", script]
    words = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    return int(words[0]) / 1e9 if len(words) == 1 else int(words[1]) / 1e6
