"""Whatever is in a database of a server, it comes back from a snapshot written as SQL: by its client, and by us.

A few databases are made by chance, as in :mod:`.test_server_round_trip`.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from deckinfra.builtin.engines.mysql.script import script_of
from deckinfra.mysql import LiveDatabase
from deckinfra.mysql.importing import run_script
from deckinfra.mysql.names import quoted
from tests.builtin.engines.mysql.copies import checksums, taken
from tests.mysql.support import live_of, name_of_a_database, run
from tests.properties.server_databases import Schema, schemas
from tests.properties.test_server_round_trip import dumped, make
from tests.support.servers import Server

# Much of the same code, again and again: measured elsewhere.
pytestmark = pytest.mark.no_cover

EXAMPLES = max(2, int(os.environ.get("DECKINFRA_EXAMPLES", "8")) // 4)

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(60 + 60 * EXAMPLES)
@bounded
@given(data=st.data())
def test_on_mysql(mysql_server: Server, data: st.DataObject) -> None:
    come_back(mysql_server, data.draw(schemas("mysql")))


@pytest.mark.timeout(60 + 60 * EXAMPLES)
@bounded
@given(data=st.data())
def test_on_mariadb(mariadb_server: Server, data: st.DataObject) -> None:
    come_back(mariadb_server, data.draw(schemas("mariadb")))


def come_back(server: Server, schema: Schema) -> None:
    """Make a database, write it as SQL, have two others made of that, and compare them all."""
    with name_of_a_database(server) as name, name_of_a_database(server) as other:
        assume(make(server, name, schema))
        script = b"".join(script_of(taken(server, name)))
        expected = dumped(server, name), checksums(server, name)
        run(server, None, f"CREATE DATABASE {quoted(other)}")
        by_client(server, other, script)
        assert (dumped(server, other).replace(other, name), checksums(server, other)) == expected
        live: LiveDatabase = live_of(server, other)
        with live.lock("test", timeout=10), live.scratch("test") as scratch:
            done = run_script(live.server, scratch.name, other, iter(script.splitlines(keepends=True)))
            assert done.notes == ()
            found = dumped(server, scratch.name).replace(scratch.name, name)
            assert (found, checksums(server, scratch.name)) == expected


def by_client(server: Server, name: str, script: bytes) -> None:
    """Load a script as a person would, by the server's own client."""
    words = (server.dialect, "--user=root", "--default-character-set=utf8mb4")
    command = ["docker", "exec", "-i", "--env", f"MYSQL_PWD={server.root_password}", server.container, *words, name]
    done = subprocess.run(command, input=script, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
