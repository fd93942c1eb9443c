"""The modules of the application's plugin, loaded as any plugin is, and a server that stands in for the game's API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

from deckinfra.plugins.discovery import project
from tests.application.support import ROOT

ANSWER = Path(__file__).parent / "data" / "api_cards.json"
"""An answer of ``GET /cards``, shortened."""


def module(name: str) -> Any:
    """Give one of the plugin's modules."""
    (candidate,) = [found for found in project(ROOT) if found.name == "deck_builder"]
    return import_module(f"{candidate.load().__name__}.{name}")


Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Api:
    """A server on this machine that behaves as it is told: one behaviour a request, the last one from then on."""

    url: str
    behaviours: list[Behaviour]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


def answers(body: bytes = b"", status: int = 200, **headers: str) -> Behaviour:
    """Answer with this; underscores in the names of ``headers`` are hyphens. A ``Content-Length`` given stands."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Api]:
    """Run a server while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append((self.path, dict(self.headers.items())))
            behave = api.behaviours.pop(0) if len(api.behaviours) > 1 else api.behaviours[0]
            try:
                behave(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked has had enough

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = Api(f"http://127.0.0.1:{server.server_port}/v1", list(behaviours))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        api.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
