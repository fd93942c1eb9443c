"""Runs Python programs without the half second that Python and its libraries take to load.

A process of its own loads once what the tasks need, and then forks for each program, which gets arguments, environment,
folder and standard streams of its own and ends as any program does. Run as a program, this module is that process.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

LOADED = (
    "alembic.command",
    "coverage",
    "invoke.main",
    "pymysql",
    "rich.console",
    "rich.table",
    "sqlalchemy",
    "deckinfra.app",
    "deckinfra.builtin.engines.mysql",
    "deckinfra.builtin.engines.sqlite",
    "deckinfra.tasks",
    "deckinfra.tasks.program",
)
"""What is loaded before the first program asks for it, and stays as it was when it did not."""


class Forked:
    """A program that runs, or ran."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        (self.pid,) = struct.unpack("i", connection.recv(4))

    def wait(self, timeout: float) -> int:
        """Wait for its end, at most so many seconds, and give its exit code: below zero for a signal.

        Raises:
            subprocess.TimeoutExpired: It ran for longer; it is killed.
        """
        self._connection.settimeout(timeout)
        try:
            (code,) = struct.unpack("i", self._connection.recv(4))
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(f"forked {self.pid}", timeout) from None
        finally:
            self._connection.close()
        return int(code)


class Forks:
    """Starts programs by forking, from one process that it keeps."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="deckinfra-forks-")
        self.address = str(Path(self._folder) / "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.address)
            listening.listen()
            self._server = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listening.fileno())],
                cwd=Path(__file__).parents[2],
                env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
            )
        atexit.register(self.close)

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environ: Mapping[str, str],
        streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    ) -> Forked:
        """Run a module as ``python -m`` does, or a console script given as ``module:function``."""
        request = {"program": program, "arguments": arguments, "folder": str(folder), "environ": dict(environ)}
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(self.address)
        written = json.dumps(request).encode()
        socket.send_fds(connection, [struct.pack("i", len(written))], [stream.fileno() for stream in streams])
        connection.sendall(written)
        return Forked(connection)

    def run(
        self, program: str, arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end without input, and give its code and what it wrote."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
            streams = (nothing, out, err)
            code = self.start(program, arguments, folder=folder, environ=environ, streams=streams).wait(timeout)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess([program, *arguments], code, *texts)

    def close(self) -> None:
        """End the process that forks."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)
        with contextlib.suppress(OSError):
            Path(self.address).unlink()
            Path(self._folder).rmdir()


@cache
def forks() -> Forks:
    """Give this process's."""
    return Forks()


def _serve(listening: socket.socket) -> dict[str, Any] | None:
    """Fork for each request until standard input ends; give the request in the process that is to answer it."""
    waiting = select.poll()
    waiting.register(listening, select.POLLIN)
    waiting.register(0, select.POLLHUP)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready, _ in waiting.poll():
            if ready == 0:
                return None
            if ready in running:
                pid, connection = running.pop(ready)
                waiting.unregister(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(OSError), connection:
                    connection.sendall(struct.pack("i", code))
                continue
            connection, _ = listening.accept()
            try:
                request, streams = _asked(connection)
            except (OSError, ValueError, struct.error):  # whoever asked is no more
                connection.close()
                continue
            pid = os.fork()
            if pid == 0:
                for place, stream in enumerate(streams):
                    os.dup2(stream, place)
                os.closerange(3, max(connection.fileno(), *streams, *running, 3) + 1)
                for held in (listening, connection, *(other for _, other in running.values())):
                    held.detach()
                return request
            for stream in streams:
                os.close(stream)
            with contextlib.suppress(OSError):  # whoever asked may be no more by now
                connection.sendall(struct.pack("i", pid))
            watched = os.pidfd_open(pid)
            running[watched] = pid, connection
            waiting.register(watched, select.POLLIN)


def _asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    length, streams, _, _ = socket.recv_fds(connection, 4, 3)
    (left,) = struct.unpack("i", length)
    data = b""
    while left > len(data):
        piece = connection.recv(left - len(data))
        if not piece:
            raise ValueError("the request is cut off")
        data += piece
    return json.loads(data), streams


def _become(request: dict[str, Any]) -> None:
    """Be the program that was asked for, as far as it can tell."""
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    os.chdir(request["folder"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        errors = "backslashreplace" if name == "stderr" else "strict"
        binary = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115
        lines = name == "stderr" or binary.isatty()
        stream = io.TextIOWrapper(binary, encoding="utf-8", errors=errors, line_buffering=lines)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        coverage = importlib.import_module("coverage")
        coverage.process_startup(slug="forked")
    program = request["program"]
    module, _, function = program.partition(":")
    sys.path[0] = "" if function else str(Path.cwd())
    if function:
        sys.argv = [module.partition(".")[0], *request["arguments"]]
        getattr(importlib.import_module(module), function)()
    else:
        sys.argv = ["", *request["arguments"]]
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        asked = _serve(listening)
    if asked is not None:
        _become(asked)
