"""A port that leads to another one, so that a test decides when a server answers and when it hangs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Relay:
    """Passes every connection to ``port`` on to ``target``, while the context is open."""

    def __init__(self, port: int, target: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """The port to connect to."""
        port: int = self._listening.getsockname()[1]
        return port

    def hang(self) -> None:
        """Pass nothing on any more: connections stay open and silent."""
        self._flows.clear()

    def flow(self) -> None:
        """Pass on again, also what was held back."""
        self._flows.set()

    def __enter__(self) -> Relay:
        self._run(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self._flows.set()
        for opened in (self._listening, *self._sockets):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(10)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                self._run(self._pass_on, near, far)
                self._run(self._pass_on, far, near)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
