"""Engines on test servers with the account that a test wants, and databases that are read in several ranges."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.core.manifest import Manifest, Origin
from deckinfra.core.secret import Secret
from deckinfra.core.silent import SilentReporter
from deckinfra.core.urls import DatabaseURL
from deckinfra.ports import Reporter
from deckinfra.repository import Repository
from deckinfra.services.backup import backup
from deckinfra.services.restore import restore
from tests.mysql.support import run, url_of
from tests.support.servers import PASSWORD, Server

ORIGIN = Origin("shop", "local")
ROWS = 192
"""How many rows the table ``wide`` has, of 128 KiB each."""


def engine_of(server: Server, database: str, account: DatabaseURL | None = None, connections: int = 4) -> MysqlEngine:
    """Open the engine with root's account, or another."""
    url = url_of(server, database)
    return MysqlEngine(url, account or url, chosen({}), connections=connections)


def backed_up(engine: MysqlEngine, repository: Repository) -> Manifest:
    return backup(engine, repository, ORIGIN, "mysql://deck", repository.reporter)


def restored(engine: MysqlEngine, repository: Repository, reporter: Reporter | None = None) -> None:
    how = reporter or SilentReporter()
    restore(engine, repository, "latest", ORIGIN, how, timeout=30, before_swap=lambda manifest: None)


@contextmanager
def account(server: Server, database: str, *grants: str) -> Iterator[DatabaseURL]:
    """Make an account; each grant is rights and, after ``ON``, where: ``{own}`` is the database and what is beside."""
    name = f"some{secrets.token_hex(4)}"
    own = "`" + database.replace("`", "``").replace("_", r"\_").replace("%", r"\%") + "%`.*"
    server.as_root(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", PASSWORD)
    try:
        for grant in grants:
            run(server, None, f"GRANT {grant.format(own=own)} TO {name}@'%'")
        yield replace(url_of(server, database), username=name, password=Secret(PASSWORD))
    finally:
        run(server, None, f"DROP USER {name}@'%'")


def large(server: Server, database: str, mebibytes: int = ROWS // 8) -> None:
    """Make a database with a table that is read in several ranges, one without a key, and what stands on them."""
    run(
        server,
        database,
        "CREATE TABLE wide (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, text MEDIUMTEXT, KEY n (n))",
        "CREATE TABLE plain (a INT, b VARCHAR(20))",
        "INSERT INTO plain VALUES (1, 'one'), (1, 'one'), (NULL, NULL)",
        "CREATE TABLE child (id INT PRIMARY KEY, wide INT, CONSTRAINT fk FOREIGN KEY (wide) REFERENCES wide (id))",
        *(
            "INSERT INTO wide (id, text) VALUES "
            + ", ".join(f"({at * 8 + row}, REPEAT(UUID(), 3641))" for row in range(8))
            for at in range(mebibytes)
        ),
        "INSERT INTO child VALUES (1, 1), (2, 100)",
        "CREATE VIEW v AS SELECT id FROM wide",
        "CREATE TRIGGER noted BEFORE INSERT ON child FOR EACH ROW SET NEW.wide = COALESCE(NEW.wide, 1)",
        "ANALYZE TABLE wide",
    )
