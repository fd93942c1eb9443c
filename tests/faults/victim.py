"""A server of processes to be killed: it does everything once, then forks one for each request.

Run as ``python -m tests.faults.victim``; it reads a request as JSON from each line of its input, and answers in a
line. What it forks is a real process, with everything that a new one has but the half second of imports.

A request says which verb to run on which project, and at which step to be killed: the ``n``-th time that a
line of deckinfra is reached. With ``record`` the answer lists the steps before which something on the disk
had changed: to be killed anywhere else leaves what one of these leaves. With ``while`` it is killed ``delay``
seconds after that file appeared (None: it is not), and the answer tells how long the file was there. With
``user`` it gives up being root.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import deckinfra
from deckinfra.core.retention import Policy
from deckinfra.errors import DeckinfraError
from deckinfra.testing.reporters import RecordingReporter
from tests.faults.project import make, opened

_PACKAGE = str(Path(deckinfra.__file__).parent)
_WATCHED = ("var", "backups")

VERBS = {
    "backup": lambda app: app.backup(),
    "restore": lambda app: app.restore(app.environ.get("SNAPSHOT", "latest")),
    "undo": lambda app: app.undo_restore(),
    "prune": lambda app: app.prune(policy=Policy(last=1)),
    "migrate": lambda app: app.migrate(),
    "rollback": lambda app: app.rollback("0001"),
    "verify": lambda app: app.verify(),
    "drill": lambda app: app.drill(),
}


class Tracer:
    """Counts how often each line is reached, in every thread; kills at a step, or records the steps."""

    def __init__(self, folder: Path, *, record: bool, step: tuple[str, int, int] | None) -> None:
        self._folder = str(folder)
        self._record = record
        self._step = step
        self._counts: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        self._seen: Any = None
        self.steps: list[tuple[str, int, int]] = []

    def install(self) -> None:
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith((_PACKAGE, self._folder)) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            file = frame.f_code.co_filename.removeprefix(_PACKAGE).removeprefix(self._folder)
            place = (file, frame.f_lineno)
            with self._lock:
                self._counts[place] += 1
                step = (*place, self._counts[place])
                if step == self._step:
                    os.kill(os.getpid(), signal.SIGKILL)
                if self._record:
                    seen = _on_disk(self._folder)
                    if seen != self._seen:
                        self._seen = seen
                        self.steps.append(step)
        return self._line


def _on_disk(folder: str) -> list[tuple[str, int, int]]:
    found = []
    for watched in _WATCHED:
        for above, _, names in os.walk(f"{folder}/{watched}"):
            for name in names:
                state = os.stat(f"{above}/{name}")  # noqa: PTH116 - called for every line
                found.append((f"{above}/{name}", state.st_size, state.st_mtime_ns))
    return found


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run one verb, and tell how it went."""
    if request["user"] is not None:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])
    folder = Path(request["root"])
    reporter = RecordingReporter()
    app = opened(folder, reporter, request["environ"])
    step = request["step"]
    tracer = Tracer(folder, record=request["record"], step=None if step is None else (step[0], step[1], step[2]))
    error = ""
    if step is not None or request["record"]:
        tracer.install()
    try:
        VERBS[request["verb"]](app)
    except DeckinfraError as problem:
        error = f"{type(problem).__name__}: {problem.message}"
    finally:
        sys.settrace(None)
        threading.settrace(None)
    return {"error": error, "events": reporter.events, "steps": tracer.steps}


def main() -> None:
    """Answer one request after another."""
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            status = 1
            try:
                with os.fdopen(write, "w") as pipe:
                    json.dump(run(request), pipe)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(write)
        seconds = watched(pid, Path(request["while"]), request["delay"]) if request["while"] else 0.0
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = json.loads(text) if text and not status else {"killed": killed, "status": status}
        print(json.dumps({**answer, "seconds": seconds}), flush=True)


def warm_up() -> None:
    """Run every verb once, so that nothing has to be imported later: not every user may read Python's folder."""
    with TemporaryDirectory() as folder:
        make(Path(folder))
        app = opened(Path(folder))
        for verb in ("migrate", "rollback", "backup", "verify", "drill", "restore", "undo", "prune"):
            VERBS[verb](app)


def watched(pid: int, file: Path, delay: float | None) -> float:
    """Wait for ``file``, and kill the process ``delay`` seconds later; gives for how long the file was there."""
    while not file.exists():
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return 0.0
    began = time.monotonic()
    if delay is None:
        while file.exists():
            time.sleep(0.001)
        return time.monotonic() - began
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    return 0.0


if __name__ == "__main__":
    main()
