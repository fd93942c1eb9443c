"""A disk that is full when a snapshot is loaded: nothing that was live is touched, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from deckinfra.errors import DatabaseError
from tests.builtin.engines.client.support import docker, engine_on, restored, taken
from tests.mysql.support import beside, picture, run
from tests.support.servers import running

MEGABYTES = 30
FILLED = (
    "free=$(df -m /var/lib/mysql | awk 'NR == 2 {print $4}'); "
    "dd if=/dev/zero of=/var/lib/mysql/ballast bs=1M count=$((free - 12))"
)
"""A command that leaves less room than a second copy of the database takes."""


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_a_restore_onto_a_full_disk_leaves_all_as_it_was(name: str, tmp_path: Path) -> None:
    with running(name, "--tmpfs", "/var/lib/mysql:size=600m") as server:
        rows = [f"INSERT INTO t VALUES ({number}, REPEAT('x', 1000000))" for number in range(MEGABYTES)]
        run(server, None, "CREATE DATABASE full", "USE full", "CREATE TABLE t (id INT PRIMARY KEY, b LONGTEXT)", *rows)
        engine = engine_on(server, "full", tmp_path)
        snapshot, before = taken(engine), picture(server, "full")
        docker("exec", server.container, "sh", "-c", FILLED)
        with pytest.raises(DatabaseError, match=r"could not load the snapshot: .*full") as caught:
            restored(engine, snapshot)
        assert "The live database was not touched. Make room" in caught.value.hint
        assert picture(server, "full") == before
        assert beside(server, "full") == []
        docker("exec", server.container, "rm", "/var/lib/mysql/ballast")
        restored(engine, snapshot)
        assert picture(server, "full") == before
        assert beside(server, "full") == ["kept"]
