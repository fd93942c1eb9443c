"""``python -m src``: wait for the database, then serve. ``--openapi`` prints the API's description instead.

Exit codes: 0 stopped, 1 the server could not start (the port is taken), 2 a wrong call, 3 the settings are not
usable, 4 the database did not become usable in time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging.config
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from pydantic import SecretStr

from src.utils.config import ConfigurationError, Settings, load_settings
from src.utils.logs import logging_config
from src.utils.protocol import KEEP_ALIVE, MOST_REQUESTS, LimitedProtocol
from src.utils.waiting import DatabaseAbsentError, wait_for_database

GRACE: Final = 8
"""Seconds that running requests get when the server stops: less than the ten after which Docker kills."""

_TERMINATED: Final = 128 + signal.SIGTERM
_MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m src", description="Serve the deck builder's API.")
    parser.add_argument("--openapi", action="store_true", help="print the API's OpenAPI description, and do no more")
    parser.add_argument("--reload", action="store_true", help="start again when the source changes; one worker")
    options = parser.parse_args(arguments)
    if options.openapi:
        print(openapi())  # noqa: T201 - it is what was asked for
        return 0
    # As a container's first process it would not end on this signal by default.
    termination = _Termination()
    signal.signal(signal.SIGTERM, termination)
    try:
        settings = load_settings(os.environ)
    except ConfigurationError as error:
        return _fail(3, f"the settings are not usable: {'; '.join(error.problems)}", "Nothing was started.")
    logging.config.dictConfig(logging_config(settings.app_log_level))
    try:
        wait_for_database(settings.database, settings.app_database_wait, termination.heed)
    except DatabaseAbsentError as error:
        return _fail(
            4,
            str(error),
            "Nothing was started. Is the database running, and are DATABASE_URL and "
            "DATABASE_PASSWORD its own? APP_DATABASE_WAIT is how many seconds a start waits.",
        )
    except KeyboardInterrupt:
        return 130
    try:
        _serve(settings, reload=options.reload)
    except SystemExit as ended:
        # The server raises the signal again that ended it in good order. Its own exit code for a start that
        # failed is the one that means unusable settings here.
        return 0 if ended.code == _TERMINATED else 1
    return 0


def openapi() -> str:
    """Give the API's description as JSON; it needs no settings and no database."""
    from src.main import create_app

    app = create_app(Settings(app_secret_key=SecretStr("no token is signed with this one")))
    return json.dumps(app.openapi(), indent=2, sort_keys=True)


def _serve(settings: Settings, *, reload: bool) -> None:
    workers = 1 if reload else settings.app_workers
    with _shared_metrics(workers):
        if not reload:
            # Several workers are started again for ever: what cannot even be imported is to end this process at once.
            importlib.import_module("src.main")
        uvicorn.run(
            "src.main:application",
            factory=True,
            host=settings.app_host,
            port=settings.app_port,
            workers=workers,
            reload=reload,
            reload_dirs=[str(Path(__file__).parent)] if reload else None,
            log_config=logging_config(settings.app_log_level),
            log_level=settings.app_log_level,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            http=LimitedProtocol,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE,
            limit_concurrency=MOST_REQUESTS,
        )


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Give several workers a folder to count in together, before any of them imports Prometheus's library."""
    if workers == 1:
        os.environ.pop(_MULTIPROCESS, None)
        yield
        return
    folder = tempfile.mkdtemp(prefix="deck-metrics-")
    os.environ[_MULTIPROCESS] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fail(code: int, message: str, hint: str) -> int:
    sys.stderr.write(f"error: {message}\nhint: {hint}\n")
    return code


class _Termination:
    """Ends the process on a signal; :meth:`heed` does where a library swallowed the exception, as PyMySQL can."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self, number: int, frame: object) -> None:
        """Handle the signal."""
        self._asked = True
        self.heed()

    def heed(self) -> None:
        """End the process if it was asked to."""
        if self._asked:
            raise SystemExit(_TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
