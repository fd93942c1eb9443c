"""The engine itself, each time in a process of its own: the services of backup and restore over a folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from load.database import Server
from load.measured import Measured, measured

_ARGUMENTS: Final = "DECK_BENCH"
_LEVEL: Final = 1


class Ours:
    """Backs up into a repository in ``store`` and restores from it."""

    def __init__(self, server: Server, store: Path, threads: int) -> None:
        self._server = server
        self._store = store
        self._threads = threads

    def backup(self) -> Measured:
        """Back up."""
        return self._run("backup")

    def read(self) -> Measured:
        """Read all that a backup reads, and store nothing."""
        return self._run("read")

    def restore(self) -> Measured:
        """Load the latest snapshot, compare every row, and swap; what was replaced is dropped afterwards."""
        took = self._run("restore")
        for (schema,) in self._server.rows("SHOW DATABASES LIKE '%deckinfra%'"):
            self._server.rows(f"DROP DATABASE `{schema}`")
        return took

    def empty(self) -> None:
        """Forget all backups."""
        shutil.rmtree(self._store, ignore_errors=True)

    def stored(self) -> int:
        """Give how many bytes are in the repository."""
        return sum(path.stat().st_size for path in self._store.rglob("*") if path.is_file())

    def _run(self, verb: str) -> Measured:
        arguments = {
            "verb": verb,
            "url": str(replace(self._server.url, username="root", password=None)),
            "password": self._server.root_password,
            "store": str(self._store),
            "threads": self._threads,
        }
        command = [sys.executable, str(Path(sys.argv[0]).resolve())]
        return measured(self._server, command, {_ARGUMENTS: json.dumps(arguments)})


def asked() -> bool:
    """Do what the process that started this one asks of it; False if it was started by a person."""
    if _ARGUMENTS not in os.environ:
        return False
    _do(**json.loads(os.environ[_ARGUMENTS]))
    return True


def _do(verb: str, url: str, password: str, store: str, threads: int) -> None:
    from deckinfra.builtin.engines.mysql.codec import chosen
    from deckinfra.builtin.engines.mysql.engine import MysqlEngine
    from deckinfra.builtin.stores.directory import DirectoryStore
    from deckinfra.core.manifest import Origin
    from deckinfra.core.secret import Secret
    from deckinfra.core.silent import SilentReporter
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.repository import Repository
    from deckinfra.services.backup import backup
    from deckinfra.services.restore import restore

    # The server is in a container of this machine, as in a stack.
    account = replace(DatabaseURL.parse(url), password=Secret(password), within=True)
    engine = MysqlEngine(account, account, chosen(os.environ), connections=threads)
    origin, reporter = Origin("deck", "bench"), SilentReporter()
    with closing(DirectoryStore(Path(store))) as place:
        repository = Repository.open(place, create=True, level=_LEVEL, threads=threads, reporter=reporter)
        if verb == "backup":
            backup(engine, repository, origin, "bench", reporter)
        elif verb == "read":
            with engine.snapshot() as snapshot:
                for _ in snapshot.chunks():
                    pass
        else:
            restore(engine, repository, "latest", origin, reporter, timeout=10, before_swap=lambda manifest: None)
