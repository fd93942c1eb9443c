"""Whatever is in a database of a server, it comes back: by the engine's facts, the server's dump, and its checksums."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import closing, suppress
from itertools import groupby

import pymysql
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from deckinfra.mysql.names import quoted
from tests.builtin.engines.mysql.copies import checksums, copied
from tests.mysql.support import connect, name_of_a_database, run
from tests.properties.server_databases import MODES, Schema, schemas
from tests.support.servers import Server

# Much of the same code, again and again: measured elsewhere.
pytestmark = pytest.mark.no_cover

EXAMPLES = int(os.environ.get("DECKINFRA_EXAMPLES", "8"))
"""How many databases are made on each server; more take longer and find more."""

_DUMP = ("--skip-comments", "--skip-opt", "--create-options", "--quote-names", "--hex-blob", "--order-by-primary")
_OBJECTS = ("--routines", "--events", "--triggers", "--default-character-set=utf8mb4")
_TOOLS = {"mysql": ("mysqldump", "--set-gtid-purged=OFF"), "mariadb": ("mariadb-dump", "--dump-history")}

# What differs in a table that is just like the other: a counter whose numbers are in use; a charset beside its
# collation, which MySQL prints from the second time on.
_PASSING = re.compile(r" AUTO_INCREMENT=\d+(?= )| CHARACTER SET \w+(?= COLLATE \w)")

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # What fails is shown as it is: to look for less of it takes some seconds a try.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    # In CI the same examples in every run: a failure there belongs to the change that it appears with.
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(60 + 30 * EXAMPLES)
@bounded
@given(data=st.data())
def test_on_mysql(mysql_server: Server, data: st.DataObject) -> None:
    come_back(mysql_server, data.draw(schemas("mysql")))


@pytest.mark.timeout(60 + 30 * EXAMPLES)
@bounded
@given(data=st.data())
def test_on_mariadb(mariadb_server: Server, data: st.DataObject) -> None:
    come_back(mariadb_server, data.draw(schemas("mariadb")))


def come_back(server: Server, schema: Schema) -> None:
    """Make a database, take a snapshot, load it into another schema, and compare both in every way there is."""
    with name_of_a_database(server) as name:
        assume(make(server, name, schema))
        with copied(server, name, by_file=schema.by_file) as copy:
            assert copy.differences == []
            assert dumped(server, name) == dumped(server, copy.schema).replace(copy.schema, name)
            assert checksums(server, name) == checksums(server, copy.schema)


def make(server: Server, name: str, schema: Schema) -> bool:
    """Make what the server takes of a database; False if that is no table."""
    run(server, None, f"CREATE DATABASE {quoted(name)} CHARACTER SET {schema.charset}")
    made = False
    with closing(connect(server, name)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET SESSION sql_mode = '{MODES}'")
        for table in schema.tables:
            create, *rows = table.statements()
            with suppress(pymysql.err.Error):
                cursor.execute(create)
                made = True
                for row in rows:
                    with suppress(pymysql.err.Error):
                        cursor.execute(row)
        for statement in schema.objects:
            with suppress(pymysql.err.Error):
                cursor.execute(statement)
    return made


def dumped(server: Server, name: str) -> str:
    """Give what the server's own tool writes of a database, the rows of each table sorted: they need have no order."""
    tool, *options = _TOOLS[server.dialect]
    words = [tool, "--user=root", *options, *_DUMP, *_OBJECTS, "--", name]
    command = ["docker", "exec", "--env", f"MYSQL_PWD={server.root_password}", server.container, *words]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    lines = _PASSING.sub("", done.stdout.decode(errors="surrogateescape")).split("\n")
    runs = [(is_row, list(part)) for is_row, part in groupby(lines, lambda line: line.startswith("INSERT INTO "))]
    return "\n".join(line for is_row, part in runs for line in (sorted(part) if is_row else part))
