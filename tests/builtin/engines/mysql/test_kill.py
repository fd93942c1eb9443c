"""Killed at any point, the server or we ourselves: no backup that is not whole, and what is live is as it was."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.core.manifest import Part
from deckinfra.errors import DatabaseError, DeckinfraError
from deckinfra.mysql import Server as Account
from deckinfra.services.restore import compare
from deckinfra.testing import MemorySnapshot
from tests.builtin.engines.client.support import docker
from tests.builtin.engines.mysql.faulty import engine_of, large
from tests.mysql.support import beside, picture, run, url_of
from tests.support.servers import Server, _await, running

FILLED = (
    "free=$(df -m /var/lib/mysql | awk 'NR == 2 {print $4}'); "
    "dd if=/dev/zero of=/var/lib/mysql/ballast bs=1M count=$((free - 15))"
)
"""A command that leaves less room than a second copy of the database takes."""

KILLS = int(os.environ.get("DECKINFRA_KILLS", "1"))
"""How many times each server is killed at each work."""


def backup(engine: MysqlEngine) -> MemorySnapshot:
    with engine.snapshot() as snapshot:
        return MemorySnapshot.of(snapshot)


def restore(engine: MysqlEngine, taken: MemorySnapshot) -> None:
    with engine.lock("db.restore", timeout=30):
        engine.recover()
        with engine.shadow("db.restore") as shadow:
            shadow.load(taken)
            assert compare(taken.facts, shadow.facts()) == []
            engine.swap(shadow, "replaced by a test")


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_a_server_that_is_killed_ends_the_work_and_all_is_as_it_was(name: str) -> None:
    chance = random.Random(4)
    with running(name, durable=True) as server:
        run(server, None, "CREATE DATABASE killed CHARACTER SET utf8mb4")
        large(server, "killed")
        engine = engine_of(server, "killed")
        before = picture(server, "killed")
        began = time.monotonic()
        taken = backup(engine)
        seconds = {"backup": time.monotonic() - began}
        began = time.monotonic()
        restore(engine, taken)
        seconds["restore"] = time.monotonic() - began
        works: dict[str, Callable[[], object]] = {
            "backup": lambda: backup(engine_of(server, "killed")),
            "restore": lambda: restore(engine_of(server, "killed"), taken),
        }
        ended = set()
        for work, done in works.items():
            for kill in range(KILLS):
                with ThreadPoolExecutor(1) as pool:
                    doing = pool.submit(done)
                    time.sleep(seconds[work] * (kill + chance.random()) / KILLS)
                    docker("kill", server.container)
                    error = doing.exception(timeout=60)
                docker("start", server.container)
                _await(server, server.container)
                if error is None:
                    if work == "backup":
                        assert doing.result().facts == taken.facts  # type: ignore[attr-defined]
                else:
                    assert isinstance(error, DeckinfraError), error
                    ended.add(work)
                    assert server.root_password not in f"{error} {error.hint}"
                    assert "run it again" in error.hint or "Nothing was changed" in error.hint, (error, error.hint)
                with engine_of(server, "killed").lock("test", timeout=30):
                    engine_of(server, "killed").recover()
                assert picture(server, "killed") == before
                assert set(beside(server, "killed")) <= {"kept"}
        assert ended
        restore(engine_of(server, "killed"), backup(engine_of(server, "killed")))
        assert picture(server, "killed") == before


@pytest.mark.parametrize(("name", "local_infile"), [("mysql", 0), ("mariadb", 1)])
def test_a_restore_onto_a_full_disk_leaves_all_as_it_was(name: str, local_infile: int) -> None:
    with running(name, "--tmpfs", "/var/lib/mysql:size=600m") as server:
        run(server, None, "CREATE DATABASE full", f"SET GLOBAL local_infile = {local_infile}")
        large(server, "full")
        engine = engine_of(server, "full")
        taken, before = backup(engine), picture(server, "full")
        docker("exec", server.container, "sh", "-c", FILLED)
        with pytest.raises(DatabaseError, match=r"has no room on its disk|went away") as caught:
            restore(engine, taken)
        if "went away" in str(caught.value):  # MariaDB may abort where its disk is full, and says so in its log
            assert name == "mariadb"
            assert "Look at the server's log" in caught.value.hint
            return
        assert "What was live is live still. Make room" in caught.value.hint
        assert picture(server, "full") == before
        assert beside(server, "full") == []
        docker("exec", server.container, "rm", "/var/lib/mysql/ballast")
        restore(engine, taken)
        assert picture(server, "full") == before


class Fatal:
    """Kills this process before the ``number``-th statement that begins so."""

    def __init__(self, beginning: str, number: int) -> None:
        self._beginning, self._left = beginning, number

    def __call__(self, statement: str) -> None:
        if statement.startswith(self._beginning):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Deadly(MemorySnapshot):
    """Kills this process before the ``number``-th chunk of rows is given, if there is one."""

    number: int = 0
    given: Any = None

    def read(self, part: Part) -> Iterator[bytes]:
        for data in super().read(part):
            if part.facts.kind != "schema" and next(self.given) == self.number:
                os.kill(os.getpid(), signal.SIGKILL)
            yield data


@pytest.mark.parametrize(
    ("beginning", "number", "chunk"),
    [
        ("CREATE TABLE `wide`", 1, 0),
        ("", 0, 1),
        ("", 0, 9),
        ("ALTER TABLE", 1, 0),
        ("ALTER TABLE", 2, 0),
        ("SELECT `id`", 3, 0),
    ],
    ids=["tables", "first rows", "more rows", "keys", "foreign keys", "comparison"],
)
def test_a_restore_that_is_killed_is_cleaned_up_by_the_next(
    server: Server, database: str, beginning: str, number: int, chunk: int
) -> None:
    large(server, database, 20)
    taken, before = backup(engine_of(server, database)), picture(server, database)
    run(server, database, "UPDATE wide SET n = 7")
    changed = picture(server, database)

    def work() -> None:
        engine = engine_of(server, database)
        trace = Fatal(beginning, number) if beginning else lambda statement: None
        engine._server = Account(url_of(server, database), trace=trace)
        restore(engine, Deadly(**vars(taken), number=chunk, given=itertools.count(1)))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert picture(server, database) == changed
    engine = engine_of(server, database)
    with engine.lock("test", timeout=30):
        (said,) = engine.recover()
        assert "removed schema" in said
        assert list(engine.recover()) == []
    assert picture(server, database) == changed
    assert beside(server, database) == []
    if beginning == "ALTER TABLE":
        restore(engine, taken)
        assert picture(server, database) == before
