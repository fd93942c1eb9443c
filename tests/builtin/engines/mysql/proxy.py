"""A proxy before a server, which passes on what the server sends as a test wants it: less, or changed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Change = Callable[[bytes], tuple[bytes, bool]]
"""Takes what was sent; gives what to pass on, and whether the connection goes on."""


@contextmanager
def proxy(port: int, change: Change) -> Iterator[int]:
    """Give the port of a proxy for one connection, which passes what the server sends through ``change``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=_serve, args=(listener, port, change))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)
            assert not thread.is_alive()


def _serve(listener: socket.socket, port: int, change: Change) -> None:
    with suppress(OSError):
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port), timeout=10) as server:
            thread = threading.Thread(target=_pass, args=(client, server, lambda data: (data, True)))
            thread.start()
            _pass(server, client, change)
            for each in (server, client):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            thread.join(20)


def _pass(source: socket.socket, target: socket.socket, change: Change) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            changed, goes_on = change(data)
            target.sendall(changed)
            if not goes_on:
                break
        target.shutdown(socket.SHUT_WR)
