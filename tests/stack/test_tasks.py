"""The whole stack from a fresh checkout with the tasks: set up, looked at, backed up, restored, deployed."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack.support import REVISION, Images, Stack
from tests.support.ports import free_port
from tests.tasks.support import clean_environ

pytestmark = pytest.mark.timeout(800)

OURS = ("COMPOSE_", "STACK_", "CLASH_")


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout whose stack is called as no other is, and the stack itself for a look from outside."""

    folder: Path
    stack: Stack

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of the project, with no terminal; it must end with ``code``."""
        environ = {name: value for name, value in clean_environ().items() if not name.startswith(OURS)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=380,
            check=False,
        )
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def invoke(self, task: str, *options: str, code: int = 0) -> str:
        """Run a task in the environment ``docker``, and give what it printed."""
        return self.run(sys.executable, "-m", "invoke", task, "-e", "docker", *options, code=code).stdout

    def document(self, task: str, *options: str) -> Any:
        """Run a task and give its JSON document."""
        return json.loads(self.invoke(task, "--json", *options))

    def await_health(self, code: int) -> None:
        """Wait for the application to tell how it is now: what it tells may be half a second old."""
        deadline = time.monotonic() + 10
        while (found := self.stack.get("/health")[0]) != code:
            assert time.monotonic() < deadline, f"the answer is still {found}"
            time.sleep(0.2)

    def sql(self, statement: str) -> str:
        """Run a statement in the database's container, as the application's user, and give what it printed."""
        script = (
            'printf "[client]\\npassword=\\"%s\\"\\n" "$(cat /run/secrets/database/DATABASE_PASSWORD)" >/tmp/sql.cnf; '
            '"$(command -v mariadb || command -v mysql)" --defaults-extra-file=/tmp/sql.cnf '
            '-h 127.0.0.1 -u deck -N deck -e "$1"'
        )
        return self.stack.compose("exec", "-T", "database", "sh", "-c", script, "sh", statement).stdout.strip()


@pytest.fixture(params=["mysql", "mariadb"])
def checkout(request: pytest.FixtureRequest, images: dict[str, Images], clone: Path) -> Iterator[Checkout]:
    """A checkout for each database in turn, with nothing done yet."""
    used, project = images[request.param], f"deck-tests-{secrets.token_hex(4)}"
    with (clone / ".env.docker").open("a") as file:
        file.write(f"COMPOSE_PROJECT_NAME={project}\nAPP_PORT={free_port()}\nDATABASE_PORT=0\n")
        file.write(f"APP_IMAGE={used.name}\nAPP_VERSION={used.version}\nDATABASE_IMAGE={used.database}\n")
    (clone / ".venv" / "bin").mkdir(parents=True)
    invoke = clone / ".venv" / "bin" / "invoke"
    invoke.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m invoke "$@"\n')
    invoke.chmod(0o755)
    for path in (clone, *clone.rglob("*")):  # whoever runs the tasks
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
    stack = Stack(clone, used, "dev", project=project)
    try:
        yield Checkout(clone, stack)
    finally:
        stack.down()


def test_from_a_checkout_to_a_stack_that_is_restored_and_deployed(checkout: Checkout) -> None:
    # One command
    result = checkout.document("setup")
    assert [step["name"] for step in result["steps"]] == ["environment", "stack", "migrate", "seed", "backup", "drill"]
    assert checkout.stack.get("/health")[0] == 200
    assert checkout.stack.get("/api/cards")[1]["total"] == 92

    # And once more: nothing
    assert [step["name"] for step in checkout.document("setup")["steps"] if step["changed"]] == []

    # At a glance
    status = checkout.document("status")
    assert status["problems"] == []
    states = {service["name"]: (service["state"], service["health"]) for service in status["services"]}
    assert states["database"] == states["backend"] == ("running", "healthy")
    assert status["database"]["activity"]["connections"] > 0
    assert status["last_proof"]["kind"] == "drill"

    # A loss, a restore, and back again
    decks = checkout.sql("SELECT COUNT(*) FROM decks")
    assert decks != "0"
    checkout.sql("DELETE FROM decks")
    assert checkout.document("db.restore", "--yes")["kept"] is not None
    assert checkout.sql("SELECT COUNT(*) FROM decks") == decks
    checkout.invoke("db.undo-restore", "--yes")
    assert checkout.sql("SELECT COUNT(*) FROM decks") == "0"
    checkout.invoke("db.undo-restore", "--yes")
    assert checkout.sql("SELECT COUNT(*) FROM decks") == decks

    # The same backups from a container, without anything else being touched
    before = checkout.stack.container("database")
    read = ("--env-file", ".env.docker")
    listed = checkout.stack.compose(*read, "run", "--rm", "--no-TTY", "ops", "invoke", "db.backups", "--json").stdout
    assert [each["manifest"]["id"] for each in json.loads(listed)] == [status["last_backup"]["id"]]
    assert checkout.stack.container("database") == before

    # Everything else that there is for a database
    assert checkout.document("db.status")["state"] == "up to date"
    assert checkout.document("db.verify")["problems"] == []
    assert checkout.document("db.drill")["proof"]["problems"] == []
    assert checkout.document("db.rollback", "--target=-1", "--yes")["after"] == ["0002"]
    checkout.await_health(503)
    assert checkout.document("db.migrate")["after"] == ["0003"]
    assert all(finding["ok"] for finding in checkout.document("doctor"))
    assert checkout.document("cards.ingest", "--file=tests/application/data/api_cards.json")["added"] >= 0
    assert set(checkout.document("db.seed").values()) == {0}
    assert checkout.document("db.prune", "--dry-run")["removed_snapshots"] == 0

    # A new version, and one that cannot start. As in production, whose backend runs what is in its image: what is
    # mounted from the checkout cannot be brought back.
    env_file = checkout.folder / ".env.docker"
    env_file.write_text(re.sub("[,:]docker-compose.dev.yml", "", env_file.read_text()))
    done = checkout.run("bash", "scripts/deploy.sh", "docker", "--json")
    assert json.loads(done.stdout)["backup"]["id"] == checkout.document("db.backups")[0]["manifest"]["id"]
    (checkout.folder / "migrations" / "versions" / "0004_extras.py").write_text(REVISION)
    with (checkout.folder / "backend" / "src" / "__init__.py").open("a") as file:
        file.write("\nraise SystemExit('this version does not start')\n")
    failed = checkout.run("bash", "scripts/deploy.sh", "docker", code=14)
    assert "did not start, and the old one runs again" in failed.stderr
    assert "this version does not start" in failed.stderr
    assert "without its preparations, since the service 'migrate' ended" in failed.stderr
    assert Stack(checkout.folder, checkout.stack.images, project=checkout.stack.project).get("/health")[0] == 200
    secret = (checkout.folder / ".secrets" / "docker" / "DATABASE_ADMIN_PASSWORD").read_text().strip()
    assert secret not in failed.stderr + failed.stdout + json.dumps(status)

    # What that one migrated is taken back
    assert checkout.document("db.rollback", "--yes")["after"] == ["0003"]
    (checkout.folder / "migrations" / "versions" / "0004_extras.py").unlink()

    # Down, which leaves the data
    checkout.invoke("stack.down")
    assert {service["state"] for service in json.loads(checkout.invoke("stack.ps", "--json"))} == {"absent"}
    checkout.invoke("stack.up")
    assert checkout.sql("SELECT COUNT(*) FROM decks") == decks
