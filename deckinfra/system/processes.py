"""Who holds a lock: a process, told apart from any other that had or will have its number."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from deckinfra.core.documents import field_of
from deckinfra.core.manifest import format_time


@dataclass(frozen=True)
class Owner:
    """One process at one piece of work.

    ``machine`` identifies an installed system, ``boot`` a boot of it with its process namespace, and
    ``started`` a process within that (all opaque), so that a process number that was used again is
    not mistaken. What the system does not tell is empty.
    """

    host: str
    machine: str
    boot: str
    pid: int
    started: str
    purpose: str
    since: str

    @classmethod
    def me(cls, purpose: str) -> Owner:
        """Describe this process, about to do ``purpose``."""
        pid = os.getpid()
        now = format_time(datetime.now(UTC))
        return cls(socket.gethostname(), _machine(), _boot(), pid, _started(pid) or "", purpose, now)

    def document(self) -> dict[str, Any]:
        """Give the owner as a JSON object."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], what: str) -> Owner:
        """Read an owner back; a :class:`DamagedError` that names ``what`` otherwise."""
        texts = {name: field_of(document, name, str, what) for name in _TEXTS}
        return cls(pid=field_of(document, "pid", int, what), **texts)

    def is_dead(self) -> bool:
        """Whether this process has certainly ended. Of one on another machine nothing is certain."""
        if self.boot and self.boot == _boot():
            started = _started(self.pid)
            return started is None or started not in {"", self.started}
        return self._was_rebooted()

    def is_alive(self) -> bool:
        """Whether this process certainly goes on."""
        return bool(self.boot) and self.boot == _boot() and _started(self.pid) == self.started

    def _was_rebooted(self) -> bool:
        """Whether this machine was started anew since. Copies of a system share its identity: the name counts too."""
        here = (socket.gethostname(), _machine())
        kernel, now = self.boot.partition("/")[0], _boot().partition("/")[0]
        return bool(self.machine and kernel and now) and (self.host, self.machine) == here and kernel != now

    def __str__(self) -> str:
        return f"{self.purpose} (process {self.pid} on {self.host}, since {self.since})"


_TEXTS = ("host", "machine", "boot", "started", "purpose", "since")


@cache
def _machine() -> str:
    """Give a digest of the installed system's identity, which is not to be shown as it is (man machine-id).

    What an image leaves to the first boot identifies nothing.
    """
    try:
        identity = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        return ""
    return "" if identity in {b"", b"uninitialized"} else hashlib.sha256(identity).hexdigest()[:16]


@cache
def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Give when process ``pid`` started, in the kernel's ticks, or None if there is no such process.

    ``""`` stands for a process of somebody else's that the kernel does not let us see (``hidepid``). The
    name in the line is the process's own choice, in any bytes; the fields are counted from its end.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return "" if _exists(pid) else None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in {b"Z", b"X"} else fields[19].decode()


def _exists(pid: int) -> bool:
    """Whether there is such a process, hidden or not: signal 0 is only checked for, never sent."""
    try:
        with suppress(PermissionError):
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    return True
