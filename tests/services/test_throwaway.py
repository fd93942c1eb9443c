"""Drills on a server that is there for that alone: of the database's image, with the live database down."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deckinfra.app import App, open_project
from deckinfra.builtin.engines.mysql.codec import chosen
from deckinfra.builtin.engines.mysql.engine import MysqlEngine
from deckinfra.builtin.environments.docker.throwaway import LABEL
from deckinfra.core.manifest import Manifest
from deckinfra.core.secret import Secret
from deckinfra.errors import ChecksFailedError, RefusedError, StackError, UnknownNameError
from deckinfra.ports import ThrowawayEnvironment
from deckinfra.services.backup import backup
from deckinfra.system.processes import Owner
from deckinfra.testing import RecordingReporter
from tests.mysql.support import run
from tests.support.servers import IMAGES, Server
from tests.support.stacks import DATABASE, StackProject, docker
from tests.tasks.support import new_project

STATEMENTS = (
    "CREATE TABLE cards (id INT PRIMARY KEY, name VARCHAR(50))",
    "INSERT INTO cards VALUES (1, 'Knight'), (2, 'Archers')",
    "CREATE DEFINER = 'deck'@'%' VIEW named AS SELECT name FROM cards",
    "CREATE DEFINER = 'gone'@'%' TRIGGER noted BEFORE INSERT ON cards FOR EACH ROW SET NEW.name = UPPER(NEW.name)",
    "CREATE DEFINER = 'deck'@'%' PROCEDURE counted() SELECT COUNT(*) FROM cards",
)
EVERYTHING = {"table": 1, "view": 1, "trigger": 1, "procedure": 1}


def _project(stack_project: StackProject, image: str, kind: str = "MARIADB") -> StackProject:
    """Describe a stack with a database, which is never started."""
    command = "\n    command: [--max-allowed-packet=64M]\n    environment:"
    stack_project.write(DATABASE.format(image=image, kind=kind).replace("\n    environment:", command))
    stack_project.setting(DATABASE_URL="mysql+pymysql://deck@database:3306/deck", STACK_TIMEOUT=120)
    return stack_project


def _taken(project: App, server: Server) -> Manifest:
    """Back up a database of a test server into the project's repository."""
    name = f"deck{secrets.token_hex(4)}"
    run(server, None, f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"USE {name}", *STATEMENTS)
    try:
        with project.repository(create=True) as repository:
            url = replace(server.url(name), username="root", password=Secret(server.root_password))
            engine = MysqlEngine(url, url, chosen({}))
            return backup(engine, repository, project.origin, "elsewhere", project.reporter)
    finally:
        run(server, None, f"DROP DATABASE {name}")


def _refused(project: StackProject) -> StackError:
    """Give the error that says why no server was brought; nothing of it is left."""
    environment = project.environment
    assert isinstance(environment, ThrowawayEnvironment)
    with pytest.raises(StackError) as caught, environment.throwaway("test", output=lambda piece: None):
        pytest.fail("there is one")
    assert _left(project) == []
    return caught.value


def _left(project: StackProject) -> list[str]:
    """Give the containers that carry the stack's name."""
    return docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={project.name}").stdout.split()


def _asking(stack_project: StackProject, query: str) -> None:
    (stack_project.root / "database/smoke").mkdir(parents=True)
    (stack_project.root / "database/smoke/cards.sql").write_text(query)


def test_a_snapshot_is_proven_on_a_server_of_the_databases_image_while_the_database_is_down(
    stack_project: StackProject, mysql_server: Server
) -> None:
    _project(stack_project, IMAGES["mysql"], "MYSQL")
    _asking(stack_project, "-- expects rows\nSELECT 1 FROM cards WHERE @@max_allowed_packet = 64 * 1024 * 1024")
    reporter = RecordingReporter()
    project = stack_project.open(reporter)
    taken = _taken(project, mysql_server)
    proof = project.drill(throwaway=True).proof
    assert (proof.snapshot, proof.good, proof.queries, proof.rows) == (taken.id, True, ("cards",), 2)
    assert proof.where.startswith(f"on a throwaway server of {IMAGES['mysql']} (")
    assert EVERYTHING.items() <= proof.compared.items()
    assert any("to answer, at most 120 s" in note for note in reporter.notes)
    assert _left(stack_project) == []


def test_what_is_not_right_there_fails_the_drill_and_nothing_is_left_even_of_those_who_died(
    stack_project: StackProject, mariadb_server: Server
) -> None:
    _project(stack_project, IMAGES["mariadb"])
    _asking(stack_project, "SELECT id FROM cards")
    dead, alive = (json.dumps(owner.document()) for owner in (_dead_owner(), Owner.me("test")))
    for name, label in {"old": dead, "busy": alive, "other": "theirs"}.items():
        words = ("--name", f"{stack_project.name}-{name}", "--label", f"{LABEL}={label}", IMAGES["mariadb"])
        assert docker("create", *words).returncode == 0
    project = stack_project.open()
    taken = _taken(project, mariadb_server)
    with pytest.raises(ChecksFailedError, match="restores, and 1 of 1 smoke queries failed: cards"):
        project.drill(throwaway=True)
    (proof,) = [listed.proof for listed in project.backups() if listed.manifest.id == taken.id]
    assert proof is not None
    assert (proof.whole, EVERYTHING.items() <= proof.compared.items()) == (True, True)
    busy, other = f"{stack_project.name}-busy", f"{stack_project.name}-other"
    assert sorted(_left(stack_project)) == [busy, other]
    docker("rm", "--volumes", busy, other)


def _dead_owner() -> Owner:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(Owner.me("db.drill"), pid=child.pid, started="0")
    child.communicate(b"\n")
    assert owner.is_dead()
    return owner


def test_a_server_that_does_not_start_is_told_with_what_it_wrote_last(stack_project: StackProject) -> None:
    _project(stack_project, IMAGES["mariadb"]).write(
        f"services: {{database: {{image: '{IMAGES['mariadb']}', command: [--no-such-option]}}}}"
    )
    error = _refused(stack_project)
    assert re.search(r"ended with exit code \d+; the last that it wrote: .*no-such-option", error.message)
    assert "nothing live was touched" in error.hint
    assert _left(stack_project) == []


def test_one_that_does_not_answer_in_time_is_given_up(stack_project: StackProject) -> None:
    image = IMAGES["mariadb"]
    _project(stack_project, image).write(f"services: {{database: {{image: '{image}', command: [sleep, '60']}}}}")
    stack_project.setting(STACK_TIMEOUT=2)
    error = _refused(stack_project)
    assert re.search(rf"the throwaway server of {image} did not answer within 2 s: ", error.message)
    assert "STACK_TIMEOUT" in error.hint
    assert _left(stack_project) == []


@pytest.mark.parametrize("host", ["database", "elsewhere.example"])
def test_an_image_that_is_not_to_be_had_is_named(stack_project: StackProject, host: str) -> None:
    image = f"127.0.0.1:1/no-such-{secrets.token_hex(3)}:1"
    _project(stack_project, image)
    stack_project.setting(DATABASE_URL=f"mysql://deck@{host}:3306/deck", DATABASE_IMAGE=image)
    error = _refused(stack_project)
    assert "127.0.0.1:1" in error.message


def test_where_no_server_can_be_brought_it_is_refused_before_anything_is_done(
    stack_project: StackProject, mariadb_server: Server
) -> None:
    _project(stack_project, IMAGES["mariadb"])
    stack_project.setting(BACKUP_REPOSITORY="file:backups/shared")
    _taken(stack_project.open(), mariadb_server)
    environ = {"BACKUP_REPOSITORY": "file:backups/shared", "PATH": os.environ["PATH"]}
    local = open_project(stack_project.root, "local", environ=environ)
    (snapshot,) = (listed.manifest.id for listed in local.backups())
    with pytest.raises(RefusedError, match=r"the environment 'local' \(kind local\) cannot bring a database server"):
        local.drill(snapshot, throwaway=True)
    with pytest.raises(UnknownNameError):
        stack_project.open().drill("19990101", throwaway=True)
    stack_project.setting(DATABASE_URL="sqlite:///var/app.db")
    with pytest.raises(RefusedError, match="is on no server that could be started for a moment"):
        stack_project.open().drill(snapshot, throwaway=True)
    assert _left(stack_project) == []


TOY = """
from contextlib import contextmanager

from deckinfra import hookimpl
from deckinfra.builtin.environments.local import LocalEnvironment


class Toy(LocalEnvironment):
    kind = "toy"

    @contextmanager
    def throwaway(self, purpose, *, output):
        output(f"a toy for {purpose}".encode())
        yield Elsewhere(self.name, self._root, self.settings)


class Elsewhere(LocalEnvironment):
    def database_url(self):
        url = super().database_url()
        return url.with_database(str(self._root / "toys" / "elsewhere.db")) if url.dialect == "sqlite" else url

    def database_label(self):
        return "a toy"


@hookimpl
def deckinfra_environments():
    return {"toy": Toy}
"""


def test_a_strangers_environment_can_bring_one_and_a_snapshot_of_another_kind_is_refused(tmp_path: Path) -> None:
    project = new_project(tmp_path / "my shop")
    project.write("plugins/toys.py", TOY)
    project.write(".env.toy", "DATABASE_URL=sqlite:///var/shop.db\nAPP_SECRET_KEY=" + "x" * 40)
    reporter = RecordingReporter()
    opened = open_project(project.root, "toy", environ={}, reporter=reporter)
    opened.migrate()
    taken = opened.backup()
    (project.root / "var/shop.db").write_bytes(b"no database any more")
    assert opened.drill(throwaway=True).proof.where == "on a throwaway server of a toy"
    assert "a toy for db.drill" in reporter.notes
    other = {"DATABASE_URL": "mysql://deck@nowhere.invalid/deck", "DATABASE_PASSWORD": "secret"}
    with pytest.raises(RefusedError, match="is of engine 'sqlite', which restores into nothing like mysql:"):
        open_project(project.root, "toy", environ=other).drill(taken.id, throwaway=True)
