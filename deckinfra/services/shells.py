"""Shells for a person at a terminal: in a service, and on the database."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deckinfra.core.command import Command
from deckinfra.errors import CommandError, DatabaseError, UsageError

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.core.urls import DatabaseURL
    from deckinfra.ports import DatabaseTools, Stack

_LIMIT: Final = 60.0

SHELL: Final = ("sh", "-c", "command -v bash >/dev/null && exec bash; exec sh")
"""The best shell that there is in a container."""

# The file is named to the client by a descriptor, and is gone before a person types the first word.
_CLIENT: Final = """
exec 3<"$1" && rm -f "$1" || exit
client=$(command -v "$3" || command -v mysql || command -v mariadb) || {
  echo "there is no mysql and no mariadb here" >&2
  exit 127
}
exec "$client" --defaults-extra-file=/dev/fd/3 --database="$2"
"""
_WRITE: Final = 'umask 077; file=$(mktemp) && cat > "$file" && printf %s "$file"'


def stack_shell(stack: Stack, service: str | None) -> Command:
    """Give the command that is a shell in a service.

    Without one, it is the last of those that go on running: the one that nothing else waits for.
    """
    if service is None:
        lasting = [each.name for each in stack.services() if not each.one_shot]
        if not lasting:
            raise UsageError("the stack has no service that goes on running", hint="Give one: --service=NAME.")
        service = lasting[-1]
    return stack.interactive(service, SHELL)


@contextmanager
def database_shell(project: App, *, admin: bool = False) -> Iterator[Command]:
    """Give the command that is the database's own shell, while the context is open.

    It works as the application's account, with ``admin`` as the one for backups and restores. The password
    reaches the client by an option file of mode 0600, where the client runs, and is in no argument and no variable.
    Raises :class:`DatabaseError` for a file that is not there, and :class:`CommandError` where there is no client.
    """
    if project.environment.database_url().dialect == "sqlite":
        yield _sqlite(project)
        return
    tools = project.environment.database_tools()
    path = _write_options(tools, tools.url if admin else _as_application(project, tools.url))
    try:
        usual = "mariadb" if tools.url.dialect == "mariadb" else "mysql"
        yield tools.interactive(("sh", "-c", _CLIENT, "sh", path, tools.url.database, usual))
    finally:
        # It is gone already, unless the client was never started.
        tools.executor.run(Command(("rm", "-f", path), _LIMIT))


def _sqlite(project: App) -> Command:
    engine = project.engine
    if not engine.state().exists:
        raise DatabaseError(f"there is no database at {engine.url}", hint="Run 'invoke setup'.")
    path = engine.url.database
    if shutil.which("sqlite3"):
        return Command(("sqlite3", path), math.inf)
    if sys.version_info >= (3, 12):
        return Command((sys.executable, "-m", "sqlite3", path), math.inf)
    raise CommandError("there is no program 'sqlite3' here", hint="Nothing was run. Install SQLite's shell.")


def _as_application(project: App, url: DatabaseURL) -> DatabaseURL:
    from deckinfra.settings.groups import DatabaseSettings

    own = project.settings.group(DatabaseSettings).url()
    return replace(url, username=own.username, password=own.password)


def _write_options(tools: DatabaseTools, url: DatabaseURL) -> str:
    password = url.password.reveal() if url.password else ""
    options = {"user": url.username, "password": password, "host": url.host, "protocol": "tcp"}
    lines = ["[client]", *(f"{name}={_quoted(value)}" for name, value in options.items())]
    if url.port:
        lines.append(f"port={url.port}")
    done = tools.executor.run(Command(("sh", "-c", _WRITE), _LIMIT), stdin=[("\n".join(lines) + "\n").encode()])
    if not done.ok:
        raise CommandError(
            f"the options of the database's client could not be written in {tools.executor}: "
            f"{done.stderr.decode(errors='replace').strip()}",
            hint="Nothing was run. Look whether there is room left.",
        )
    return done.stdout.decode()


def _quoted(value: str) -> str:
    """Write a value for an option file, which knows these escapes (MySQL's manual, "Using Option Files")."""
    for text, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(text, escape)
    return f'"{value}"'
