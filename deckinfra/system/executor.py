"""Runs commands on this machine: streams in and out in bounded memory, and leaves nothing running."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from deckinfra.core.command import Command, Completed
from deckinfra.errors import CommandError, TimeLimitError

TAIL: Final = 1024 * 1024
"""How many bytes of a command's output are kept, where it is not streamed: the last ones."""

_Sink = Callable[[bytes], object]
_PIECE: Final = 64 * 1024
_INTERVAL: Final = 0.02
_GRACE: Final = 2.0
"""Seconds between asking a command to end and ending it."""


class LocalExecutor:
    """Implements :class:`deckinfra.ports.Executor` on this machine.

    A command runs in ``folder`` unless it says otherwise, with the variables in ``environ`` (default: this
    process's) and its own. It has a session of its own, so no terminal: what would ask a person fails
    instead of waiting. ``grace`` is how many seconds a command has to end by itself when its time is up.

    With ``merged``, what a command writes to its error output is part of its output. ``before_end`` is called before
    a command is ended: where what runs here only stands for what runs elsewhere, that has to end first, or
    it would take input that broke off for input that ended.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        *,
        grace: float = _GRACE,
        merged: bool = False,
        before_end: Callable[[], None] | None = None,
    ) -> None:
        self._folder = folder
        self._environ = dict(os.environ if environ is None else environ)
        self._grace = grace
        self._merged = merged
        self._before_end = before_end

    def run(
        self,
        command: Command,
        *,
        stdin: Iterable[bytes] = (),
        stdout: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """Run ``command`` until it has ended and everybody who could write its output has.

        An error in ``stdin`` or ``stdout`` ends the command, and is raised; the command never takes
        input that broke off for input that ended.
        """
        deadline = time.monotonic() + command.timeout
        process = self._start(command)
        assert process.stdin is not None
        assert process.stdout is not None
        out, err = _Tail(), _Tail()
        sinks: dict[IO[bytes], _Sink] = {process.stdout: stdout or out.add}
        if process.stderr is not None:
            sinks[process.stderr] = err.add
        alarm, bell = os.pipe()
        feeder = _Feeder(process.stdin, stdin, bell)
        feeder.start()
        try:
            _attend(sinks, alarm, feeder, deadline)
            returncode = _finish(process, feeder, deadline)
        except subprocess.TimeoutExpired:
            self._end(process)
            raise TimeLimitError(
                f"'{command}' did not end within {command.timeout:g} s",
                hint="It was ended, with everything that it had started.",
            ) from None
        except BaseException:
            self._end(process)
            raise
        finally:
            os.close(alarm)
            for stream in (process.stdin, *sinks):
                stream.close()
        return Completed(returncode, out.value(), err.value())

    def __str__(self) -> str:
        return "this machine"

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        secrets = {name: secret.reveal() for name, secret in command.secrets.items()}
        folder = self._folder / (command.cwd or "")
        try:
            return subprocess.Popen(
                command.argv,
                bufsize=0,
                cwd=folder,
                env={**self._environ, **command.env, **secrets},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if self._merged else subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _not_started(command, folder, error) from error

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End the command and its children: they are asked to, and after ``grace`` they have to."""
        if self._before_end is not None:
            # Nobody reads it any more. Docker would tell of no end in a container while it has output to get rid of.
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            self._before_end()
        deadline = time.monotonic() + self._grace
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(_INTERVAL)
            os.killpg(process.pid, signal.SIGKILL)
        # Not for ever: nothing ends a process that the kernel itself is busy with.
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


class _Tail:
    """The last :data:`TAIL` bytes of what was added."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > 2 * TAIL:
            del self._kept[:-TAIL]

    def value(self) -> bytes:
        return bytes(self._kept[-TAIL:])


class _Feeder(threading.Thread):
    """Writes pieces to a command as they come; one that stops reading is left to say so by its exit code.

    A thread of its own, since waiting for the next piece must not keep output from being read. The
    command's input is closed only when it is complete. ``bell`` is closed at the end, whatever that is.
    """

    def __init__(self, target: IO[bytes], pieces: Iterable[bytes], bell: int) -> None:
        super().__init__(name="feeder", daemon=True)
        self._target = target
        self._pieces = pieces
        self._bell = bell
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for piece in self._pieces:
                if not self._write(piece):
                    break
            self._target.close()
        except BaseException as error:
            self.error = error
        finally:
            os.close(self._bell)

    def _write(self, piece: bytes) -> bool:
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._target.write(rest) :]
        except (BrokenPipeError, ValueError):  # ValueError: it was closed, since the command has ended
            return False
        return True


def _attend(sinks: Mapping[IO[bytes], _Sink], alarm: int, feeder: _Feeder, deadline: float) -> None:
    """Read every stream to its end; the feeder's error, or :class:`subprocess.TimeoutExpired`, comes first."""
    with selectors.DefaultSelector() as selector:
        selector.register(alarm, selectors.EVENT_READ)
        for stream, sink in sinks.items():
            selector.register(stream, selectors.EVENT_READ, sink)
        reading = len(sinks)
        while reading:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired((), 0)
            for key, _ in selector.select(left):
                if key.data is None:
                    if feeder.error is not None:
                        raise feeder.error
                    selector.unregister(alarm)
                    continue
                piece = os.read(key.fd, _PIECE)
                if piece:
                    key.data(piece)
                else:
                    selector.unregister(key.fileobj)
                    reading -= 1


def _finish(process: subprocess.Popen[bytes], feeder: _Feeder, deadline: float) -> int:
    """Wait for the command itself; it may have ended because its input broke off."""
    returncode = process.wait(max(0.0, deadline - time.monotonic()))
    if feeder.error is not None:
        raise feeder.error
    return returncode


def _not_started(command: Command, folder: Path, error: OSError | ValueError) -> CommandError:
    program = command.argv[0]
    if isinstance(error, OSError) and not folder.is_dir():
        return CommandError(f"could not start '{program}': there is no folder {folder}", hint="Nothing was run.")
    if isinstance(error, FileNotFoundError):
        advice = "Nothing was run. Install it, or see whether it is on the PATH."
        return CommandError(f"could not start '{program}': there is no such command", hint=advice)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return CommandError(f"could not start '{program}': {reason}", hint="Nothing was run.")
