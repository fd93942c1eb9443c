"""The database's own shell, on each database, at a terminal."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from deckinfra.core.command import Command
from deckinfra.ports import Stack
from deckinfra.services.shells import database_shell
from tests.support.servers import IMAGES, PASSWORD
from tests.support.stacks import DATABASE, StackProject, new_stack_project
from tests.tasks.support import TASKS_PY, Project


@dataclass(frozen=True)
class Running:
    """A stack with a database of one kind."""

    home: StackProject

    @property
    def stack(self) -> Stack:
        return self.home.stack


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack with a real server of each kind, whose passwords have everything in them."""
    request.getfixturevalue(f"{request.param}_server")  # skips, or fails, where it cannot be had
    kind = str(request.param)
    compose = DATABASE.format(image=IMAGES[kind], kind=kind.upper())
    home = new_stack_project(tmp_path_factory.mktemp(kind) / "my shop", compose)
    (home.root / "tasks.py").write_text(TASKS_PY)
    home.setting(DATABASE_URL="mysql+pymysql://deck@database:3306/deck", DATABASE_ADMIN_USER="root")
    home.secret("DATABASE_PASSWORD", PASSWORD).chmod(0o644)
    home.secret("DATABASE_ADMIN_PASSWORD", secrets.token_hex(12)).chmod(0o644)
    try:
        home.open().stack.up()
        yield Running(home)
    finally:
        home.remove()


@pytest.mark.parametrize(("options", "account"), [((), "deck@127.0.0.1"), (("--admin",), "root@127.0.0.1")])
def test_the_client_runs_in_the_databases_container(running: Running, options: tuple[str, ...], account: str) -> None:
    typed = "SELECT CONCAT(USER(), ' uses ', DATABASE()) AS x;\nexit\n"
    done = Project(running.home.root).on_terminal("db.shell", "-e", "docker", *options, typed=typed)
    assert done.code == 0, done.out
    assert f"{account} uses deck" in done.out


def test_the_password_is_in_no_argument_and_its_file_is_gone(running: Running) -> None:
    executor = running.stack.executor("database")
    files = Command(("sh", "-c", "ls /tmp | wc -l"), 60.0)
    before = executor.run(files).stdout
    with database_shell(running.home.open()) as command:
        assert PASSWORD not in " ".join(command.argv)
        assert not command.env
        assert not command.secrets
        path = command.argv[-3]
        assert executor.run(Command(("stat", "-c", "%a", path), 60.0)).stdout == b"600\n"
    assert executor.run(files).stdout == before


def test_a_shell_needs_a_terminal(running: Running) -> None:
    done = Project(running.home.root).invoke("db.shell", "-e", "docker")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: db.shell needs a terminal")
    assert "Without a terminal: invoke stack.exec -e docker --service=database --command=" in done.err


def test_where_no_service_is_known_to_have_the_database_only_the_terminal_is_asked_for(ready: Project) -> None:
    for words in ((), ("-e", "docker")):
        ready.write(".env.docker", "DATABASE_URL=mysql+pymysql://deck@database/deck\nCOMPOSE_FILES=nowhere.yml\n")
        done = ready.invoke("db.shell", *words)
        assert done.code == 2
        assert done.err.splitlines()[1] == "hint: Nothing was run. Run it where you can type."


@pytest.mark.skipif(
    shutil.which("sqlite3") is None and sys.version_info < (3, 12), reason="there is no shell for SQLite here"
)
def test_sqlite_has_a_shell_too(ready: Project) -> None:
    done = ready.on_terminal("db.shell", typed="SELECT 'rows: ' || count(*) FROM things;\n.quit\n")
    assert done.code == 0, done.out
    assert "rows: 3" in done.out


def test_a_shell_on_a_file_that_is_not_there_makes_none(project: Project) -> None:
    done = project.on_terminal("db.shell", typed="\n")
    assert done.code == 4
    assert "there is no database at sqlite:///" in done.out
    assert not (project.root / "var").exists()


def test_without_any_client_the_reason_is_said(make_stack: Callable[..., StackProject]) -> None:
    home = make_stack()
    (home.root / "tasks.py").write_text(TASKS_PY)
    home.stack.start(["base"], timeout=60.0, output=lambda piece: None)
    assert home.stack.executor("base").run(Command(("sh", "-c", "rm -f /usr/bin/mysql /usr/bin/mariadb"), 60.0)).ok
    done = Project(home.root).on_terminal("db.shell", "-e", "docker")
    assert done.code == 12
    assert "there is no mysql and no mariadb here" in done.out
